// Fetching a file with the browser's own downloads, which keep nothing in memory and can go on after a cut.
//
// Browsers open links without headers of ours. Where a key or token is needed, the server is asked for an address
// that is good for a short while.

import { ask } from './api'
import { BASE } from './routing'
import { session } from './session'

/** Where it is for those whom the server knows without being told: anonymous ones, and by cookie. */
export function downloadAddress(fileId: string, version?: number): string {
  const url = new URL(`file/${fileId}`, BASE)
  if (version !== undefined) url.searchParams.set('version', String(version))
  return url.href
}

/** For `onClick` of a link to `downloadAddress`. Raises Refusal. */
export async function download(event: { preventDefault: () => void }, fileId: string, version?: number): Promise<void> {
  if (!session.credential) return
  event.preventDefault()
  const query = version === undefined ? '' : `?version=${version}`
  const { url } = await ask<{ url: string }>(`api/v1/files/${fileId}/url${query}`)
  const link = document.createElement('a')
  link.href = url
  link.download = ''
  link.click()
}
