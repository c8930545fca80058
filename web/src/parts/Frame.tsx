// What every view has around it: the ways to the others, who one is, and the language.

import { useEffect, type ReactNode } from 'react'
import { LOCALES, useLanguage } from '../locales'
import type { View } from '../routing'
import { useSession } from '../session'
import { Icon } from './Icon'
import { ViewLink } from './ViewLink'

interface Props {
  view: View
  busy?: boolean
  children: ReactNode
}

export function Frame({ view, busy = false, children }: Props) {
  const { locale } = useLanguage()
  const { standing, isAdmin, hasLibrary } = useSession()
  useEffect(() => {
    document.title = view === 'upload' ? locale.title : `${locale.views[view]} – ${locale.title}`
  }, [locale, view])
  const shown: View[] = ['upload', ...(hasLibrary ? (['library'] as const) : []), ...(isAdmin ? (['operate'] as const) : [])]
  return (
    <div className={`frame ${view}`}>
      <div className="top">
        <nav aria-label={locale.views.label}>
          {standing === 'in' || standing === 'lost'
            ? shown.map((one) => (
                <ViewLink key={one} view={one} current={one === view}>
                  {locale.views[one]}
                </ViewLink>
              ))
            : null}
        </nav>
        <div className="who">
          <Who />
          <LanguageChoice />
        </div>
      </div>
      <main aria-busy={busy}>{children}</main>
    </div>
  )
}

/** Nothing where visitors are anonymous. */
function Who() {
  const { locale } = useLanguage()
  const session = useSession()
  const { me, standing, ways } = session
  if (standing !== 'in' || !me || !ways.required) return null
  return (
    <>
      <span className="me" title={locale.signIn.as(me.userId)}>
        {me.userId}
      </span>
      {session.credential && (
        <button
          type="button"
          className="iconic"
          aria-label={locale.signIn.out}
          title={locale.signIn.out}
          onClick={() => session.leave()}
        >
          <Icon name="leave" />
        </button>
      )}
    </>
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
