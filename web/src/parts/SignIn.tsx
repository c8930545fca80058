// Saying who one is: with a key or token that was pasted, or at a provider, or to what stands in front of the server.

import { useEffect, useRef, useState, type SubmitEvent } from 'react'
import { fetchMe, Refusal } from '../api'
import { useLanguage, type Language } from '../locales'
import { NotSignedIn, signInAt } from '../oidc'
import { session, useSession, type Provider } from '../session'

export function SignIn() {
  const { locale } = useLanguage()
  const { ways, standing } = useSession()
  const [problem, setProblem] = useState('')
  const pasted = ways.ways.includes('key') || ways.ways.includes('jwt')
  useComingBack(ways.ways.includes('forward'))
  return (
    <section className="sheet signin" aria-labelledby="signin">
      <h1 id="signin">{locale.signIn.title}</h1>
      {standing === 'lost' && <p role="alert">{locale.signIn.lost}</p>}
      {ways.oidc && window.isSecureContext && <AtProvider provider={ways.oidc} onProblem={setProblem} />}
      {ways.oidc && pasted && <p className="or">{locale.signIn.or}</p>}
      {pasted && <ByKey onProblem={setProblem} />}
      {!ways.oidc && !pasted && <Elsewhere onProblem={setProblem} />}
      <p className="problem" role="alert">
        {problem}
      </p>
    </section>
  )
}

/** Whoever signed in elsewhere, in another tab say, need not tell this one. */
function useComingBack(known: boolean): void {
  useEffect(() => {
    if (!known) return
    const look = () => {
      if (document.visibilityState === 'visible') fetchMe().then((me) => session.enter(me), () => undefined)
    }
    window.addEventListener('focus', look)
    document.addEventListener('visibilitychange', look)
    return () => {
      window.removeEventListener('focus', look)
      document.removeEventListener('visibilitychange', look)
    }
  }, [known])
}

interface WayProps {
  onProblem: (problem: string) => void
}

function AtProvider({ provider, onProblem }: WayProps & { provider: Provider }) {
  const { locale } = useLanguage()
  const begin = async () => {
    onProblem('')
    try {
      const { me, credential, renewal } = await signInAt(provider)
      session.enter(me, { credential, renewal, remember: false })
    } catch (error) {
      const said = error instanceof NotSignedIn || error instanceof Refusal ? error.message : ''
      onProblem(said === 'popup' ? locale.signIn.popup : `${locale.signIn.notThere} ${said}`)
    }
  }
  return (
    <button type="button" className="primary" onClick={() => void begin()}>
      {locale.signIn.at(new URL(provider.issuer).host)}
    </button>
  )
}

function Elsewhere({ onProblem }: WayProps) {
  const language = useLanguage()
  const { refusal, signIn } = language.locale
  const again = () => {
    onProblem('')
    fetchMe().then(
      (me) => session.enter(me),
      (error) => onProblem(why(error, language, signIn.unknown)),
    )
  }
  return (
    <>
      <p>{signIn.elsewhere}</p>
      <button type="button" className="primary" onClick={again}>
        {refusal.again}
      </button>
    </>
  )
}

function ByKey({ onProblem }: WayProps) {
  const language = useLanguage()
  const { signIn } = language.locale
  const field = useRef<HTMLInputElement>(null)
  const [remember, setRemember] = useState(false)
  const [busy, setBusy] = useState(false)
  useEffect(() => field.current?.focus(), [])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const credential = field.current?.value.trim() ?? ''
    if (!credential) return
    onProblem('')
    setBusy(true)
    try {
      session.enter(await fetchMe(credential), { credential, renewal: undefined, remember })
    } catch (error) {
      onProblem(why(error, language, signIn.wrong))
      field.current?.select()
    } finally {
      setBusy(false)
    }
  }
  return (
    <form onSubmit={(event) => void submit(event)}>
      <label>
        {signIn.key}
        <input ref={field} type="password" autoComplete="off" spellCheck={false} aria-describedby="keyhint" required />
      </label>
      <p id="keyhint" className="hint">
        {signIn.keyHint}
      </p>
      <label className="check">
        <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
        {signIn.remember}
      </label>
      <button type="submit" className="primary" disabled={busy}>
        {signIn.submit}
      </button>
    </form>
  )
}

function why(error: unknown, { locale }: Language, unauthorized: string): string {
  if (!(error instanceof Refusal)) return locale.refusal.network
  if (error.status === 401) return unauthorized
  return locale.refusal.status(error.status, error.message)
}
