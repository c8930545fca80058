// What the address of the library says about which files are wanted, and how the server is asked for them.

export const FILTERS = ['q', 'status', 'type', 'tag', 'after', 'before', 'sort'] as const

export type Filter = (typeof FILTERS)[number]
export type Filters = Record<Filter, string>

export const STATUSES = ['ready', 'scanning', 'quarantined', 'failed'] as const
export const TYPES = {
  image: 'image/*',
  video: 'video/*',
  audio: 'audio/*',
  text: 'text/*',
  pdf: 'application/pdf',
  archive: 'application/zip',
} as const
export const SORTS = ['newest', 'oldest'] as const

export function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ''])) as Filters
}

export function isFiltered(filters: Filters): boolean {
  return FILTERS.some((name) => name !== 'sort' && filters[name] !== '')
}

/** Days are those of the person; the server counts in UTC. */
export function questionOf(filters: Filters): URLSearchParams {
  const asked = new URLSearchParams()
  const say = (name: string, value: string | undefined) => value && asked.set(name, value)
  // Words are letters and digits; without one there is nothing to look for.
  say('q', /[\p{L}\p{N}]/u.test(filters.q) ? filters.q.trim() : '')
  say('status', filters.status)
  say('mime_type', TYPES[filters.type as keyof typeof TYPES])
  say('tag', filters.tag)
  say('created_after', beginOf(filters.after, 0))
  say('created_before', beginOf(filters.before, 1))
  say('sort', filters.sort === 'oldest' ? 'created_at' : '')
  return asked
}

function beginOf(day: string, daysLater: number): string | undefined {
  const [year, month, date] = day.split('-').map(Number)
  if (!year || !month || !date) return undefined
  const begin = new Date(year, month - 1, date + daysLater)
  return Number.isNaN(begin.getTime()) ? undefined : begin.toISOString()
}
