// The list of uploads. Only rows near the window exist, so that thousands cost no more than a screenful.

import { useRef } from 'react'
import { useLanguage } from '../locales'
import type { Uploads } from '../uploads'
import { Row } from './Row'
import { useFocused, useWindow } from './useWindow'

export function List({ uploads, version }: { uploads: Uploads; version: number }) {
  const { locale } = useLanguage()
  const list = useRef<HTMLUListElement>(null)
  const count = uploads.items.length
  const { first, last, height } = useWindow(list, count)
  const focused = useFocused(list)
  return (
    <ul ref={list} className="list" style={{ height: count * height }} aria-label={locale.uploads}>
      {uploads.items.map((item, index) =>
        // The row with the focus stays, wherever it was scrolled to.
        (index >= first && index < last) || item.key === focused ? (
          <Row
            key={item.key}
            item={item}
            uploads={uploads}
            position={index + 1}
            count={count}
            top={index * height}
            version={version}
          />
        ) : null,
      )}
    </ul>
  )
}
