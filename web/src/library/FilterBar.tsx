// Search and filters. What they say is in the address, so that it can be kept, sent, and gone back to.

import { useId, type ReactNode } from 'react'
import { useLanguage } from '../locales'
import { Icon } from '../parts/Icon'
import { setQuery } from '../routing'
import { FILTERS, isFiltered, SORTS, STATUSES, TYPES, type Filter, type Filters } from './filters'
import type { FileList } from './list'

export function FilterBar({ filters, list }: { filters: Filters; list: FileList }) {
  const { locale } = useLanguage()
  const words = locale.library
  const set = (name: Filter) => (value: string) => setQuery({ [name]: value })
  return (
    <search className="filters" aria-label={words.filters}>
      <label className="find">
        <span className="hidden">{words.search}</span>
        <Icon name="search" />
        <input
          type="search"
          value={filters.q}
          placeholder={words.search}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => set('q')(event.target.value)}
        />
      </label>
      <Choice label={words.status} value={filters.status} onChange={set('status')}>
        <option value="">{words.anyStatus}</option>
        {STATUSES.map((status) => (
          <option key={status} value={status}>
            {locale.badge[status]}
          </option>
        ))}
      </Choice>
      <Choice label={words.type} value={filters.type} onChange={set('type')}>
        <option value="">{words.anyType}</option>
        {(Object.keys(TYPES) as (keyof typeof TYPES)[]).map((type) => (
          <option key={type} value={type}>
            {words.types[type]}
          </option>
        ))}
      </Choice>
      <Day label={words.after} value={filters.after} onChange={set('after')} />
      <Day label={words.before} value={filters.before} onChange={set('before')} />
      <Choice label={words.sort} value={filters.sort || 'newest'} onChange={set('sort')}>
        {SORTS.map((sort) => (
          <option key={sort} value={sort}>
            {words.sorts[sort]}
          </option>
        ))}
      </Choice>
      <div className="line found">
        <p role="status" className="numbers">
          {list.standing === 'loading' && !list.files.length ? '' : words.shown(list.files.length, list.standing !== 'complete')}
        </p>
        {filters.tag && (
          <button type="button" className="tag on" aria-label={words.noTag(filters.tag)} onClick={() => set('tag')('')}>
            {filters.tag}
            <Icon name="close" />
          </button>
        )}
        {isFiltered(filters) && (
          <button type="button" className="small" onClick={() => setQuery(NONE)}>
            {words.clear}
          </button>
        )}
      </div>
    </search>
  )
}

const NONE = Object.fromEntries(FILTERS.map((name) => [name, '']))

interface ChoiceProps {
  label: string
  value: string
  onChange: (value: string) => void
  children: ReactNode
}

function Choice({ label, value, onChange, children }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {children}
      </select>
    </label>
  )
}

function Day({ label, value, onChange }: Omit<ChoiceProps, 'children'>) {
  const id = useId()
  return (
    <label htmlFor={id}>
      <span>{label}</span>
      <input id={id} type="date" value={value} onChange={(event) => onChange(event.target.value)} />
    </label>
  )
}
