// Short messages at the lower edge, and what screen readers are told.

import { useLanguage, type Language } from '../locales'
import type { Event, Notice, Uploads } from '../uploads'
import { Icon } from './Icon'

export function Notices({ uploads }: { uploads: Uploads }) {
  const language = useLanguage()
  const { actions } = language.locale
  return (
    <>
      <div className="notices" role="status">
        {uploads.notices.map(({ id, notice }) => (
          <div key={id} className="notice">
            <p>{text(notice, language)}</p>
            {notice.kind === 'cancelled' && (
              <button type="button" className="small" onClick={() => uploads.undo(id)}>
                {actions.undo}
              </button>
            )}
            <button type="button" className="iconic" aria-label={actions.close} onClick={() => uploads.dismiss(id)}>
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
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
  const { name, size, lastModified } = notice.wanted
  return locale.notice.wrongFile(name, format.bytes(size), format.date(lastModified))
}

function said(event: Event, { locale }: Language): string {
  if (event.kind === 'added') return locale.said.added(event.count)
  if (event.kind === 'failed') return locale.said.failed(event.name)
  return locale.said.allUploaded(event.count)
}
