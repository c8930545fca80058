// What the library asks the server.

import { ask, send } from '../api'
import type { FileStatus } from '../server'

export interface File {
  file_id: string
  user_id: string
  path: string | null
  filename: string | null
  file_size: number
  mime_type: string
  declared_type: string | null
  sniffed_type: string | null
  status: FileStatus
  virus_status: 'clean' | 'infected' | 'unscannable' | 'unknown'
  sha256: string | null
  version: number
  tags: string[]
  created_at: string
  updated_at: string
}

export interface Page {
  files: File[]
  next: string | null
}

export interface Link {
  link_id: string
  /** "active" while it opens something. */
  state: string
  url?: string
  expires_at: string
  max_uses: number | null
  uses: number
}

/** What a person should read: without a scanner nobody looked into a file, and "ready" would promise that. */
export function statusOf({ status, virus_status }: File): FileStatus {
  return status === 'ready' && virus_status === 'unknown' ? 'uploaded' : status
}

/** What to call a file: it may have no name. */
export function nameOf({ filename, path, file_id }: File): string {
  return filename ?? path?.split('/').at(-1) ?? file_id
}

/** Files in one answer. */
export const AT_ONCE = 200

export function findFiles(query: URLSearchParams, cursor: string | null, signal: AbortSignal): Promise<Page> {
  const asked = new URLSearchParams(query)
  asked.set('limit', String(AT_ONCE))
  if (cursor) asked.set('cursor', cursor)
  return ask<Page>(`api/v1/files?${asked}`, { signal })
}

/** A file, and the revision that a change must be of. */
export interface Revision {
  file: File
  etag: string
}

export async function fetchFile(fileId: string, signal?: AbortSignal): Promise<Revision> {
  const answer = await send(`api/v1/files/${fileId}`, signal ? { signal } : {})
  return { file: (await answer.json()) as File, etag: answer.headers.get('ETag') ?? '' }
}

export interface Change {
  filename?: string
  tags?: string[]
}

/** Raises Refusal: 412 where somebody changed it since. */
export async function changeFile(fileId: string, change: Change, etag: string): Promise<Revision> {
  const headers: Record<string, string> = etag ? { 'If-Match': etag } : {}
  const answer = await send(`api/v1/files/${fileId}`, { method: 'PATCH', body: change, headers })
  return { file: (await answer.json()) as File, etag: answer.headers.get('ETag') ?? '' }
}

export async function deleteFile(fileId: string): Promise<void> {
  await send(`api/v1/files/${fileId}`, { method: 'DELETE', keepalive: true })
}

export async function fetchVersions(fileId: string, signal: AbortSignal): Promise<File[]> {
  return (await ask<{ versions: File[] }>(`api/v1/files/${fileId}/versions`, { signal })).versions
}

export async function restoreVersion(fileId: string, n: number): Promise<void> {
  await send(`api/v1/files/${fileId}/versions/${n}/restore`, { method: 'POST' })
}

export async function fetchLinks(fileId: string, signal: AbortSignal): Promise<Link[]> {
  return (await ask<{ links: Link[] }>(`api/v1/files/${fileId}/links`, { signal })).links
}

export function createLink(fileId: string, expiresIn: number, maxUses: number | null): Promise<Link> {
  const body = { expires_in: expiresIn, max_uses: maxUses }
  return ask<Link>(`api/v1/files/${fileId}/links`, { method: 'POST', body })
}

export async function revokeLink(linkId: string): Promise<void> {
  await send(`api/v1/links/${linkId}`, { method: 'DELETE' })
}
