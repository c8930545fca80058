// What the queue of uploads has to say, shown for a while, and what screen readers are told.

import { useSyncExternalStore } from 'react'
import { useLanguage, type Language } from '../locales'
import type { Event, Notice, Uploads } from '../uploads'
import { Toasts } from './Toasts'
import { reasonOf } from './Trouble'

export function Notices({ uploads }: { uploads: Uploads }) {
  const language = useLanguage()
  useSyncExternalStore(uploads.subscribe, uploads.version)
  return (
    <>
      <Toasts
        said={uploads.notices.map(({ id, notice }) => ({
          id,
          text: text(notice, language),
          ...(notice.kind === 'cancelled' ? { onUndo: () => uploads.undo(id) } : {}),
          onClose: () => uploads.dismiss(id),
        }))}
      />
      <p className="hidden" role="status">
        {uploads.event && said(uploads.event, language)}
      </p>
    </>
  )
}

function text(notice: Notice, { locale, format }: Language): string {
  if (notice.kind === 'known') return locale.notice.known(notice.count, notice.name)
  if (notice.kind === 'cancelled') return locale.notice.cancelled(notice.items.length, notice.items[0]?.name ?? '')
  if (notice.kind === 'unreadable') return locale.notice.unreadable(notice.count)
  if (notice.kind === 'not fetched') return locale.notice.notFetched(notice.name, reasonOf(notice.refusal, locale))
  const { name, size, lastModified } = notice.wanted
  return locale.notice.wrongFile(name, format.bytes(size), format.date(lastModified))
}

function said(event: Event, { locale }: Language): string {
  if (event.kind === 'added') return locale.said.added(event.count)
  if (event.kind === 'failed') return locale.said.failed(event.name)
  return locale.said.allUploaded(event.count)
}
