// The page, put together.

import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { formatter } from './format'
import { LanguageContext, LOCALES, preferredLocale, rememberLocale, useLanguage } from './locales'
import { DropZone } from './parts/DropZone'
import { Icon } from './parts/Icon'
import { List } from './parts/List'
import { Notices } from './parts/Notices'
import { Summary } from './parts/Summary'
import { Terminal } from './parts/Terminal'
import { UnfinishedList } from './parts/UnfinishedList'
import { fetchConfig, type ServerConfig } from './server'
import { Uploads } from './uploads'

export function App() {
  const [locale, setLocale] = useState(preferredLocale)
  const language = useMemo(() => {
    const choose = (code: string) => {
      rememberLocale(code)
      setLocale(preferredLocale())
    }
    return { locale, format: formatter(locale.code), choose }
  }, [locale])
  useEffect(() => {
    document.documentElement.lang = locale.code
    document.title = locale.title
  }, [locale])
  return (
    <LanguageContext value={language}>
      <header>
        <h1>{locale.title}</h1>
        <p>{locale.lead}</p>
      </header>
      <Loaded />
    </LanguageContext>
  )
}

/** Nothing can be said before the server told its limits; it is asked until it does. */
function Loaded() {
  const { locale } = useLanguage()
  const [config, setConfig] = useState<ServerConfig>()
  const [failures, setFailures] = useState(0)
  useEffect(() => {
    if (config) return
    const ask = () => fetchConfig().then(setConfig, () => setFailures((before) => before + 1))
    const timer = setTimeout(() => void ask(), failures ? 2_000 : 0)
    return () => clearTimeout(timer)
  }, [config, failures])
  if (config) return <UploadPage config={config} />
  return (
    <main aria-busy="true">
      {failures > 0 && (
        <div className="banner" role="alert">
          <Icon name="cloudOff" />
          <p>
            {locale.noServer} {locale.noServerHint}
          </p>
        </div>
      )}
    </main>
  )
}

function UploadPage({ config }: { config: ServerConfig }) {
  const [uploads] = useState(() => new Uploads(config))
  const { locale } = useLanguage()
  const version = useSyncExternalStore(uploads.subscribe, uploads.version)
  useLeavingWarning(uploads)
  return (
    <>
      <main>
        <Offline uploads={uploads} />
        <UnfinishedList uploads={uploads} />
        <DropZone uploads={uploads} />
        {uploads.items.length > 0 && (
          <section className="uploads" aria-label={locale.uploads}>
            <Summary uploads={uploads} />
            <List uploads={uploads} version={version} />
          </section>
        )}
      </main>
      <footer>
        <Terminal endpoint={config.endpoint} />
        <LanguageChoice />
      </footer>
      <Notices uploads={uploads} />
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

function LanguageChoice() {
  const { locale, choose } = useLanguage()
  return (
    <label className="language">
      <span className="hidden">{locale.chooseLanguage}</span>
      <select value={locale.code} onChange={(event) => choose(event.target.value)}>
        {LOCALES.map(({ code, language }) => (
          <option key={code} value={code} lang={code}>
            {language}
          </option>
        ))}
      </select>
    </label>
  )
}

function useLeavingWarning(uploads: Uploads): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (uploads.busy) event.preventDefault()
    }
    window.addEventListener('beforeunload', warn)
    return () => window.removeEventListener('beforeunload', warn)
  }, [uploads])
}
