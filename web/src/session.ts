// Who the visitor is to the server, and what proves it.
//
// A key or token is kept for this tab (sessionStorage), or for this machine when the person says so
// (localStorage). It goes to the server that served the page and to nobody else.
//
// Belongs here: the credential and what the server said about it. Not here: how a provider gives one (oidc.ts),
// requests (api.ts).

import { useSyncExternalStore } from 'react'

export interface Me {
  tenant: string
  userId: string
  scopes: string[]
  /** All visitors are this one, so nobody is shown a list of what is theirs. */
  sharesName: boolean
}

export interface Provider {
  issuer: string
  clientId: string
  scopes: string[]
}

/** What the server offers. */
export interface Ways {
  required: boolean
  ways: string[]
  oidc: Provider | null
}

/** Of tokens that a provider gave; a key has none of it. */
export interface Renewal {
  tokenEndpoint: string
  refreshToken: string
}

/** out: nobody yet. lost: somebody whose key or token is no longer taken. */
export type Standing = 'asking' | 'in' | 'out' | 'lost'

interface Kept {
  credential: string
  renewal?: Renewal | undefined
}

const KEPT = 'tusd-py-credential'

export class Session {
  standing: Standing = 'asking'
  me: Me | undefined
  ways: Ways = { required: false, ways: [], oidc: null }
  /** Counts sign-ins: what was refused may be asked again when it changes. */
  entries = 0

  #kept: Kept = recall()
  #version = 0
  #listeners = new Set<() => void>()

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  version = (): number => this.#version

  get credential(): string {
    return this.#kept.credential
  }

  get renewal(): Renewal | undefined {
    return this.#kept.renewal
  }

  get isAdmin(): boolean {
    return this.me?.scopes.includes('admin') ?? false
  }

  /** There is a list of this person's files, and news of them. */
  get hasLibrary(): boolean {
    return this.me !== undefined && !this.me.sharesName && this.#may('read')
  }

  #may(scope: string): boolean {
    return this.isAdmin || (this.me?.scopes.includes(scope) ?? false)
  }

  /** What a request must carry. */
  headers(): Record<string, string> {
    return this.credential ? { Authorization: `Bearer ${this.credential}` } : {}
  }

  /** What this page was given by the one that it is a part of; kept nowhere. */
  carry(credential: string): void {
    this.#kept = { credential }
  }

  /** The server took the credential, or wants none. */
  enter(me: Me, { credential = this.credential, renewal = this.renewal, remember }: Entry = {}): void {
    const another = this.me && nameOf(this.me) !== nameOf(me)
    this.#kept = { credential, renewal }
    if (remember !== undefined) keep(this.#kept, remember)
    // What this page shows and sends is somebody else's.
    if (another) return location.reload()
    this.me = me
    this.standing = 'in'
    this.entries += 1
    this.#tell()
  }

  /** The provider gave another way to renew the credential. */
  rotate(renewal: Renewal): void {
    this.#kept = { ...this.#kept, renewal }
    keep(this.#kept, false)
  }

  /** A request that carried `credential` was answered 401. */
  refuse(credential: string): void {
    // Meanwhile there may be a better one.
    if (credential !== this.credential || this.standing === 'out' || this.standing === 'lost') return
    this.standing = this.me ? 'lost' : 'out'
    this.#tell()
  }

  leave(): void {
    this.#kept = { credential: '' }
    keep(this.#kept, false)
    if (this.me) return location.reload()
    this.standing = 'out'
    this.#tell()
  }

  offer(ways: Ways): void {
    this.ways = ways
    this.#tell()
  }

  #tell(): void {
    this.#version += 1
    for (const listener of this.#listeners) listener()
  }
}

export function nameOf({ tenant, userId }: Me): string {
  return JSON.stringify([tenant, userId])
}

interface Entry {
  credential?: string
  renewal?: Renewal | undefined
  /** On this machine, or for this tab; nothing is written while it is undefined. */
  remember?: boolean
}

function recall(): Kept {
  try {
    const said = sessionStorage.getItem(KEPT) ?? localStorage.getItem(KEPT)
    return said ? (JSON.parse(said) as Kept) : { credential: '' }
  } catch {
    return { credential: '' }
  }
}

/** Browsers may forbid it; then it lives as long as the tab. */
function keep(kept: Kept, remember: boolean): void {
  try {
    sessionStorage.removeItem(KEPT)
    localStorage.removeItem(KEPT)
    if (kept.credential) (remember ? localStorage : sessionStorage).setItem(KEPT, JSON.stringify(kept))
  } catch {
    return
  }
}

export const session = new Session()

export function useSession(): Session {
  useSyncExternalStore(session.subscribe, session.version)
  return session
}
