// What a language must say. A new one is a file beside this, named in index.ts.

export interface Locale {
  code: string
  /** In its own words. */
  language: string
  title: string
  lead: string
  chooseLanguage: string
  drop: { title: string; hint: string; over: string; files: string; folder: string }
  limits: {
    size: (size: string) => string
    noSize: string
    kept: (time: string) => string
    keptForEver: string
  }
  offline: string
  noServer: string
  noServerHint: string
  uploads: string
  progressOf: (name: string) => string
  totalProgress: string
  actions: {
    pause: string
    resume: string
    retry: string
    retryNow: string
    cancel: string
    remove: string
    pauseAll: string
    resumeAll: string
    cancelAll: string
    retryAll: string
    clear: string
    download: string
    copy: string
    copied: string
    undo: string
    close: string
    of: (action: string, name: string) => string
  }
  badge: Record<'queued' | 'uploading' | 'waiting' | 'paused' | 'uploaded' | 'failed', string>
  detail: {
    sizeOf: (sent: string, size: string) => string
    left: (time: string) => string
    retryIn: (time: string) => string
    retrying: string
    offline: string
    network: string
    busy: (status: number) => string
    gone: string
    begunAgain: string
  }
  failure: {
    tooBig: (size: string, limit: string) => string
    unreadable: string
    refused: (status: number, said: string) => string
  }
  summary: {
    done: (count: number) => string
    progress: (done: number, count: number) => string
    failed: (count: number) => string
  }
  unfinished: {
    title: string
    lead: string
    choose: string
    discard: string
    many: string
    sent: (share: string, sent: string, size: string) => string
    notBegun: (size: string) => string
    gone: (size: string) => string
  }
  notice: {
    known: (count: number, name: string) => string
    wrongFile: (name: string, size: string, date: string) => string
    unreadable: (count: number) => string
    cancelled: (count: number, name: string) => string
  }
  said: {
    added: (count: number) => string
    failed: (name: string) => string
    allUploaded: (count: number) => string
  }
  terminal: { title: string; lead: string; command: string; curl: string }
}
