// One upload of the list.

import { memo, useEffect, useState } from 'react'
import { asRefusal } from '../api'
import { useLanguage, type Language } from '../locales'
import { download } from '../download'
import { isRetriable, type Item } from '../item'
import type { Uploads } from '../uploads'
import { Badge } from './Badge'
import { Bar } from './Bar'
import { CopyButton } from './CopyButton'
import { Icon, type IconName } from './Icon'
import { Name } from './Name'
import { ViewLink } from './ViewLink'

interface Props {
  item: Item
  uploads: Uploads
  position: number
  count: number
  top: number
  /** Changes when the item may have changed. */
  version: number
}

export const Row = memo(function Row({ item, uploads, position, count, top }: Props) {
  return (
    <li
      className="row"
      style={{ transform: `translateY(${top}px)` }}
      aria-posinset={position}
      aria-setsize={count}
      data-key={item.key}
    >
      <div className="what">
        <Name path={item.path} />
        <p className="detail">
          <Badge status={(item.state === 'uploaded' && item.fileStatus) || item.state} />
          <Detail item={item} uploads={uploads} />
        </p>
      </div>
      <div className="actions">
        <Actions item={item} uploads={uploads} />
      </div>
      <Progress item={item} />
    </li>
  )
})

function Progress({ item }: { item: Item }) {
  const { locale } = useLanguage()
  if (item.state === 'uploaded' || item.state === 'failed') return null
  return <Bar label={locale.progressOf(item.name)} part={item.sent} whole={item.size || 1} tone={item.state} />
}

function Detail({ item, uploads }: { item: Item; uploads: Uploads }) {
  const language = useLanguage()
  const now = useNow(item.state === 'waiting')
  const said = words(item, uploads.online, now, language).join(' · ')
  return (
    <span className="numbers" title={item.state === 'failed' ? said : undefined}>
      {said}
    </span>
  )
}

function words(item: Item, online: boolean, now: number, { locale, format }: Language): string[] {
  const { detail, failure } = locale
  if (item.state === 'failed') {
    if (item.reason?.kind === 'too big') return [failure.tooBig(format.bytes(item.size), format.bytes(item.reason.limit))]
    if (item.reason?.kind === 'refused') return [failure.refused(item.reason.status, item.reason.said)]
    return [failure.unreadable]
  }
  if (item.state === 'uploaded') {
    const size = format.bytes(item.size)
    return item.isGone ? [size, detail.deleted] : item.fileStatus === 'quarantined' ? [size, detail.finding] : [size]
  }
  const progress = item.sent ? detail.sizeOf(format.bytes(item.sent), format.bytes(item.size)) : format.bytes(item.size)
  if (item.state === 'waiting') return [...why(item, locale), ...when(item, online, now, { locale, format })]
  if (item.state !== 'uploading') return [progress]
  const speed = item.speed.get()
  const moving = speed > 0 ? [format.speed(speed), detail.left(format.duration((item.size - item.sent) / speed))] : []
  return [progress, ...moving, ...(item.begunAgain ? [detail.begunAgain] : [])]
}

function why(item: Item, { detail }: Pick<Language['locale'], 'detail'>): string[] {
  if (item.failure?.kind === 'unauthorized') return []
  if (item.failure?.kind === 'busy') return [detail.busy(item.failure.status)]
  return [item.failure?.kind === 'gone' ? detail.gone : detail.network]
}

function when(item: Item, online: boolean, now: number, { locale, format }: Pick<Language, 'locale' | 'format'>): string[] {
  if (!online) return [locale.detail.offline]
  if (item.failure?.kind === 'unauthorized') return [locale.detail.signIn]
  const seconds = (item.retryAt - now) / 1000
  return [seconds > 0 ? locale.detail.retryIn(format.duration(seconds)) : locale.detail.retrying]
}

/** The time, to the second, while `ticking`. */
function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!ticking) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [ticking])
  return now
}

function Actions({ item, uploads }: { item: Item; uploads: Uploads }) {
  const { locale } = useLanguage()
  const { actions } = locale
  const button = (icon: IconName, label: string, act: (items: Item[]) => void) => (
    <button
      type="button"
      className="iconic"
      aria-label={actions.of(label, item.name)}
      title={label}
      onClick={() => act([item])}
    >
      <Icon name={icon} />
    </button>
  )
  if (item.state === 'uploaded') return <Finished item={item} uploads={uploads} />
  const stopping = button('close', item.state === 'failed' ? actions.remove : actions.cancel, (all) => uploads.cancel(all))
  if (item.state === 'failed') {
    return (
      <>
        {isRetriable(item) && button('retry', actions.retry, (all) => uploads.resume(all))}
        {stopping}
      </>
    )
  }
  return (
    <>
      {item.state === 'waiting' && button('retry', actions.retryNow, (all) => uploads.resume(all))}
      {item.state === 'paused'
        ? button('play', actions.resume, (all) => uploads.resume(all))
        : button('pause', actions.pause, (all) => uploads.pause(all))}
      {stopping}
    </>
  )
}

function Finished({ item, uploads }: { item: Item; uploads: Uploads }) {
  const { locale } = useLanguage()
  const { actions } = locale
  if (item.isGone) return null
  return (
    <>
      {item.fileId && uploads.hasLibrary && (
        <ViewLink
          view="library"
          query={{ file: item.fileId }}
          className="iconic"
          label={actions.of(actions.openInLibrary, item.name)}
        >
          <Icon name="library" />
        </ViewLink>
      )}
      {uploads.config.downloads && isFetchable(item, uploads) && <Fetching item={item} uploads={uploads} />}
    </>
  )
}

/** Before the server has said what became of it, only where no scanner could forbid it. */
function isFetchable({ fileStatus }: Item, { config }: Uploads): boolean {
  return fileStatus ? fileStatus === 'ready' || fileStatus === 'uploaded' : !config.scanning
}

function Fetching({ item, uploads }: { item: Item; uploads: Uploads }) {
  const { actions } = useLanguage().locale
  const { fileId } = item
  const refused = (error: unknown) => uploads.notFetched(item, asRefusal(error))
  return (
    <>
      <CopyButton text={item.url} of={item.name} />
      <a
        className="iconic"
        href={item.url}
        download
        aria-label={actions.of(actions.download, item.name)}
        title={actions.download}
        onClick={(event) => fileId && void download(event, fileId).catch(refused)}
      >
        <Icon name="download" />
      </a>
    </>
  )
}
