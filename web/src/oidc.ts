// Signing in at an OpenID provider: authorization code with PKCE (RFC 6749, 4.1; RFC 7636), in a window of its own.
//
// This tab stays where it is, so uploads keep the files that they were given. The window comes back to the page,
// hands the code over a BroadcastChannel (Cross-Origin-Opener-Policy cuts `opener`) and closes. Only this tab
// knows the verifier that the code is good with.
//
// Belongs here: the flow, and renewing what it gave. Not here: the form (parts/SignIn.tsx).

import { asRefusal, fetchMe, Refusal } from './api'
import { BASE } from './routing'
import { session, type Me, type Provider, type Renewal } from './session'

const CHANNEL = 'tusd-py-sign-in'
const PATIENCE = 10 * 60_000 // milliseconds
/** A provider that lets pages read its tokens and not its refusals looks like one that is away; then a person must act. */
const IN_VAIN = 5

interface Metadata {
  authorization_endpoint: string
  token_endpoint: string
}

interface Tokens {
  access_token?: string
  id_token?: string
  refresh_token?: string
}

export interface Signed {
  credential: string
  renewal?: Renewal
  me: Me
}

/** The window was closed, the provider said no, or did not answer in ten minutes. */
export class NotSignedIn extends Error {}

/** True in the window that a provider sent back: it has nothing to show. */
export function handOver(): boolean {
  const said = new URLSearchParams(location.search)
  const state = said.get('state')
  if (!state || !(said.has('code') || said.has('error'))) return false
  const channel = new BroadcastChannel(CHANNEL)
  channel.postMessage({ state, code: said.get('code'), error: said.get('error_description') ?? said.get('error') })
  channel.close()
  // Nothing of it stays in the history.
  history.replaceState(null, '', BASE)
  window.close()
  return true
}

/** Ask the provider. Call it from a click, or the browser opens no window. Raises NotSignedIn. */
export async function signInAt(provider: Provider): Promise<Signed> {
  // Opened at once, while the click still counts; the way there needs an answer first.
  const opened = window.open('', '_blank', 'popup,width=520,height=680')
  try {
    const { authorization_endpoint: there, token_endpoint: tokenEndpoint } = await discover(provider.issuer)
    const verifier = randomText()
    const state = randomText()
    const url = new URL(there)
    const query = {
      response_type: 'code',
      client_id: provider.clientId,
      redirect_uri: BASE,
      scope: provider.scopes.join(' '),
      state,
      nonce: randomText(),
      code_challenge: await challengeOf(verifier),
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const coming = codeFor(state)
    if (opened) opened.location.href = url.href
    else throw new NotSignedIn('popup')
    const form = { grant_type: 'authorization_code', code: await coming, redirect_uri: BASE, code_verifier: verifier }
    const tokens = await tokensFor(tokenEndpoint, { ...form, client_id: provider.clientId })
    const renewal = tokens.refresh_token ? { tokenEndpoint, refreshToken: tokens.refresh_token } : undefined
    return { ...(await firstTaken(tokens)), ...(renewal ? { renewal } : {}) }
  } catch (error) {
    opened?.close()
    throw error
  }
}

let renewing: Promise<boolean> | undefined
let inVain = 0

/**
 * Whether there is a better credential than the one that was `used` and refused. Raises Refusal where that cannot be
 * said now, as the provider or the server is away or busy.
 */
export function renew(used: string): Promise<boolean> {
  if (session.credential !== used) return Promise.resolve(true)
  const { renewal } = session
  const provider = session.ways.oidc
  if (!renewal || !provider) return Promise.resolve(false)
  renewing ??= refresh(renewal, provider).finally(() => (renewing = undefined))
  return renewing
}

async function refresh(renewal: Renewal, provider: Provider): Promise<boolean> {
  const form = { grant_type: 'refresh_token', refresh_token: renewal.refreshToken, client_id: provider.clientId }
  inVain += 1
  try {
    const tokens = await tokensFor(renewal.tokenEndpoint, form)
    inVain = 0
    const next = { ...renewal, refreshToken: tokens.refresh_token ?? renewal.refreshToken }
    // Before anything else is asked: the old one may be good no more.
    session.rotate(next)
    const { credential, me } = await firstTaken(tokens)
    session.enter(me, { credential, renewal: next, remember: false })
    return true
  } catch (error) {
    if (!(error instanceof NotSignedIn) && inVain < IN_VAIN) throw asRefusal(error)
    inVain = 0
    return false
  }
}

async function discover(issuer: string): Promise<Metadata> {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (!answer.ok) throw new NotSignedIn(`${issuer}: ${answer.status}`)
  return (await answer.json()) as Metadata
}

function codeFor(state: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const channel = new BroadcastChannel(CHANNEL)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      channel.close()
      act()
    }
    const timer = setTimeout(() => settle(() => reject(new NotSignedIn(''))), PATIENCE)
    channel.onmessage = ({ data }) => {
      if (data.state !== state) return
      settle(() => (data.code ? resolve(data.code) : reject(new NotSignedIn(data.error ?? ''))))
    }
  })
}

async function tokensFor(endpoint: string, form: Record<string, string>): Promise<Tokens> {
  const answer = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form) })
  if (answer.ok) return (await answer.json()) as Tokens
  const refusal = new Refusal(answer.status, '', `${new URL(endpoint).host}: ${answer.status}`)
  throw refusal.isPassing ? refusal : new NotSignedIn(refusal.message)
}

/** Providers differ in which of the two says who somebody is; the server knows which it takes. */
async function firstTaken({ access_token, id_token }: Tokens): Promise<Signed> {
  const candidates = [access_token, id_token].filter((token) => token?.split('.').length === 3) as string[]
  for (const credential of candidates) {
    try {
      return { credential, me: await fetchMe(credential) }
    } catch (error) {
      if (!(error instanceof Refusal) || error.isPassing) throw error
    }
  }
  throw new NotSignedIn('')
}

async function challengeOf(verifier: string): Promise<string> {
  return base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
}

function randomText(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)).buffer)
}

function base64url(bytes: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(bytes))
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
