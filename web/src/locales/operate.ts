// What a language must say in the operate view.

export interface OperateWords {
  title: string
  lead: string
  sections: Record<'overview' | 'quarantine' | 'webhooks' | 'audit' | 'config', string>
  refreshed: (time: string) => string
  lights: { title: string; parts: Record<string, string>; says: Record<'ok' | 'low on space' | 'failed' | 'timeout', string> }
  numbers: {
    open: string
    received: string
    stored: string
    files: string
    quarantined: string
    jobs: string
    workers: string
  }
  plots: {
    title: string
    window: string
    hours: (count: number) => string
    received: string
    sent: string
    finished: string
    jobs: string
    perMinute: (count: number) => string
    highest: (value: string) => string
    nothing: string
    asTable: string
    time: string
  }
  uploads: {
    title: string
    none: string
    file: string
    owner: string
    progress: string
    speed: string
    node: string
    since: string
    waiting: string
  }
  quarantine: {
    lead: string
    none: string
    file: string
    owner: string
    finding: string
    scanned: string
    released: (by: string) => string
    release: string
    remove: string
    sureRelease: (name: string, finding: string) => string
    sureRemove: (name: string) => string
    yes: string
    no: string
    more: string
  }
  webhooks: {
    waiting: (count: number) => string
    dead: (count: number) => string
    none: string
    off: string
    event: string
    to: string
    state: string
    attempts: string
    next: string
    redeliver: string
    asked: string
    more: string
  }
  audit: {
    search: string
    kind: string
    anyKind: string
    who: string
    file: string
    from: string
    until: string
    none: string
    time: string
    what: string
    by: string
    about: string
    more: string
    details: string
  }
  config: { lead: string; search: string; key: string; value: string; origin: string; notDefault: string; none: string }
}
