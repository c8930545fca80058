// The page: its frame, and the view that the address names.
//
// The queue of uploads lives here, so that it goes on whichever view is open. Library and Operate are loaded when
// they are first looked at.

import { lazy, Suspense, useEffect, useMemo, useRef, useState, type ComponentType } from 'react'
import { begin } from './begin'
import { formatter } from './format'
import { LanguageContext, preferredLocale, rememberLocale, useLanguage } from './locales'
import { Boundary } from './parts/Boundary'
import { Frame } from './parts/Frame'
import { Icon } from './parts/Icon'
import { Notices } from './parts/Notices'
import { SignIn } from './parts/SignIn'
import { Terminal } from './parts/Terminal'
import { UploadView } from './parts/UploadView'
import { useView, type View } from './routing'
import type { ServerConfig } from './server'
import { useSession } from './session'
import { Uploads } from './uploads'
import { useLeavingWarning } from './useLeavingWarning'

const loadLibrary = () => import('./library/Library')
const loadOperate = () => import('./operate/Operate')

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
  }, [locale])
  return (
    <LanguageContext value={language}>
      <Loaded />
    </LanguageContext>
  )
}

/** Nothing can be said before the server told its limits and who one is; it is asked until it does. */
function Loaded() {
  const { locale } = useLanguage()
  const view = useView()
  const [config, setConfig] = useState<ServerConfig>()
  const [failures, setFailures] = useState(0)
  useEffect(() => {
    if (config) return
    const ask = () => begin().then(setConfig, () => setFailures((before) => before + 1))
    const timer = setTimeout(() => void ask(), failures ? 2_000 : 0)
    return () => clearTimeout(timer)
  }, [config, failures])
  if (config) return <Page config={config} />
  return (
    <Frame view={view} busy>
      {failures > 0 && (
        <div className="banner" role="alert">
          <Icon name="cloudOff" />
          <p>
            {locale.noServer} {locale.noServerHint}
          </p>
        </div>
      )}
    </Frame>
  )
}

function Page({ config }: { config: ServerConfig }) {
  const view = useView()
  const { standing } = useSession()
  if (standing !== 'out') return <Known config={config} view={view} lost={standing === 'lost'} />
  return (
    <Frame view={view}>
      <SignIn />
    </Frame>
  )
}

/** What is queued or remembered belongs to one person, so it is there only once that one is known. */
function Known({ config, view, lost }: { config: ServerConfig; view: View; lost: boolean }) {
  const [uploads] = useState(() => new Uploads(config))
  useLeavingWarning(uploads)
  return (
    <>
      <Frame view={view}>
        {lost && <SignIn />}
        <Shown view={view} uploads={uploads} />
      </Frame>
      <Notices uploads={uploads} />
    </>
  )
}

function Shown({ view, uploads }: { view: View; uploads: Uploads }) {
  const { locale } = useLanguage()
  const { hasLibrary } = useSession()
  // Before the first view is drawn there is nothing to be said.
  const arrived = useRef(view)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (arrived.current === view) return
    arrived.current = view
    // Where the reading goes on, for screen readers and keyboards.
    heading.current?.focus({ preventScroll: true })
  }, [view])
  const [Library, libraryAgain] = useLazy(loadLibrary)
  const [Operate, operateAgain] = useLazy(loadOperate)
  const again = { upload: () => undefined, library: libraryAgain, operate: operateAgain }
  const words = view === 'upload' ? locale : locale[view]
  return (
    <>
      <header className="title">
        <h1 ref={heading} tabIndex={-1}>
          {words.title}
        </h1>
        <p>{words.lead}</p>
      </header>
      <Boundary key={view} onAgain={again[view]}>
        <Suspense fallback={<p role="status">{locale.views.loading}</p>}>
          {view === 'upload' && (
            <>
              <UploadView uploads={uploads} />
              <Terminal endpoint={uploads.config.endpoint} />
            </>
          )}
          {view === 'library' && (hasLibrary ? <Library config={uploads.config} /> : <p role="alert">{locale.views.noLibrary}</p>)}
          {view === 'operate' && <Operate />}
        </Suspense>
      </Boundary>
    </>
  )
}

/** A part whose code is loaded when it is first shown, and how to load it again: React keeps a failure for good. */
function useLazy<Props>(load: () => Promise<{ default: ComponentType<Props> }>): [ComponentType<Props>, () => void] {
  const [part, setPart] = useState<ComponentType<Props>>(() => lazy(load))
  return [part, () => setPart(() => lazy(load))]
}
