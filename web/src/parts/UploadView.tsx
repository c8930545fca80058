// The upload view, put together: of this page, and of others (component/).

import { useSyncExternalStore } from 'react'
import { useLanguage } from '../locales'
import type { Uploads } from '../uploads'
import { DropZone } from './DropZone'
import { Icon } from './Icon'
import { List } from './List'
import { Summary } from './Summary'
import { UnfinishedList } from './UnfinishedList'

export function UploadView({ uploads }: { uploads: Uploads }) {
  const { locale } = useLanguage()
  const version = useSyncExternalStore(uploads.subscribe, uploads.version)
  return (
    <>
      <Offline uploads={uploads} />
      <UnfinishedList uploads={uploads} />
      <DropZone uploads={uploads} />
      {uploads.items.length > 0 && (
        <section className="sheet uploads" aria-label={locale.uploads}>
          <Summary uploads={uploads} />
          <List uploads={uploads} version={version} />
        </section>
      )}
    </>
  )
}

function Offline({ uploads }: { uploads: Uploads }) {
  const { locale } = useLanguage()
  // The region is there before its words, or screen readers miss them.
  return (
    <div role="status">
      {!uploads.online && (
        <div className="banner">
          <Icon name="cloudOff" />
          <p>{locale.offline}</p>
        </div>
      )}
    </div>
  )
}
