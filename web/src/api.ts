// Requests to the API, with what proves who asks, and its refusals in its own words.
//
// Belongs here: how one asks. Not here: what is asked (each view's own file), uploads (uploads.ts).

import { renew } from './oidc'
import { BASE } from './routing'
import { session, type Me, type Ways } from './session'

/** What the server said instead of an answer; `status` 0 is no answer at all. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail)
  }

  /** It says nothing for good: nobody answered, or somebody who is busy or away. */
  get isPassing(): boolean {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 429
  }
}

/** What was caught, as it is shown. */
export function asRefusal(caught: unknown): Refusal {
  return caught instanceof Refusal ? caught : new Refusal(0, '', String(caught))
}

export interface Asked {
  method?: string
  /** Sent as JSON. */
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Also while the page is being left. */
  keepalive?: boolean
}

/** Raises Refusal, and what `signal` raises. */
export async function send(path: string, asked: Asked = {}): Promise<Response> {
  const used = session.credential
  let answer = await attempt(path, asked)
  if (answer.status === 401 && (await renew(used))) answer = await attempt(path, asked)
  if (answer.ok) return answer
  if (answer.status === 401) session.refuse(session.credential)
  throw await refusalOf(answer)
}

export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  return (await (await send(path, asked)).json()) as T
}

async function attempt(path: string, { method = 'GET', body, headers, signal, keepalive }: Asked): Promise<Response> {
  try {
    return await fetch(new URL(path, BASE), {
      method,
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...session.headers(),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
      ...(keepalive ? { keepalive } : {}),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Refusal(0, 'NETWORK', '')
  }
}

async function refusalOf(answer: Response): Promise<Refusal> {
  try {
    const { code, detail } = (await answer.json()) as { code?: string; detail?: string }
    return new Refusal(answer.status, code ?? '', detail ?? '')
  } catch {
    // Some proxy's page.
    return new Refusal(answer.status, '', '')
  }
}

export async function fetchMe(credential = session.credential): Promise<Me> {
  const headers = credential ? { Authorization: `Bearer ${credential}` } : {}
  const answer = await fetch(new URL('api/v1/me', BASE), { headers, cache: 'no-store' })
  if (!answer.ok) throw await refusalOf(answer)
  const { tenant, user_id: userId, scopes, shares_name: sharesName } = await answer.json()
  return { tenant, userId, scopes, sharesName: sharesName ?? false }
}

export async function fetchWays(): Promise<Ways> {
  const answer = await fetch(new URL('api/v1/auth', BASE), { headers: { Accept: 'application/json' } })
  // Mounted into an application that has its own sign-in.
  if (answer.status === 404) return { required: false, ways: [], oidc: null }
  if (!answer.ok) throw await refusalOf(answer)
  const { required, ways, oidc } = await answer.json()
  const provider = oidc && { issuer: oidc.issuer, clientId: oidc.client_id, scopes: oidc.scopes }
  return { required, ways, oidc: provider ?? null }
}

/** Words that let a browser open something without headers of its own; '' where nothing needs to be proved. */
export async function fetchTicket(): Promise<string> {
  if (!session.credential) return ''
  return (await ask<{ ticket: string }>('api/v1/ticket', { method: 'POST' })).ticket
}
