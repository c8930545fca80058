// What a language must say in the library.

export interface LibraryWords {
  title: string
  lead: string
  search: string
  filters: string
  status: string
  anyStatus: string
  type: string
  anyType: string
  types: Record<'image' | 'video' | 'audio' | 'text' | 'pdf' | 'archive', string>
  tag: string
  noTag: (tag: string) => string
  tagged: (tag: string) => string
  after: string
  before: string
  sort: string
  sorts: Record<'newest' | 'oldest', string>
  clear: string
  files: string
  shown: (count: number, more: boolean) => string
  loadingMore: string
  empty: string
  emptyHint: string
  toUpload: string
  nothing: string
  nothingHint: string
  open: (name: string) => string
  share: string
  details: {
    title: string
    close: string
    name: string
    tags: string
    tagsHint: string
    path: string
    save: string
    saved: string
    changedMeanwhile: string
    size: string
    type: string
    declared: (type: string) => string
    uploaded: string
    changed: string
    owner: string
    digest: string
    id: string
    notReady: Record<'scanning' | 'quarantined' | 'failed' | 'uploading', string>
    gone: string
    remove: string
  }
  versions: {
    title: string
    number: (n: number) => string
    current: string
    restore: string
    restored: (n: number) => string
    download: string
  }
  links: {
    title: string
    lead: string
    expires: string
    expiries: Record<'hour' | 'day' | 'week' | 'month', string>
    uses: string
    usesHint: string
    create: string
    none: string
    used: (uses: number, most: number | null) => string
    until: (date: string) => string
    open: string
    revoke: string
    revoked: string
    created: string
    ended: string
  }
  deleted: (name: string) => string
  notDeleted: (name: string) => string
}
