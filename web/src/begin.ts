// The first questions: what the server takes, and who one is to it.

import { fetchMe, fetchWays, Refusal } from './api'
import { renew } from './oidc'
import { fetchConfig, type ServerConfig } from './server'
import { session } from './session'

/** Raises what `fetch` raises while the server is away, and Refusal while it is busy. */
export async function begin(): Promise<ServerConfig> {
  const [config, ways] = await Promise.all([fetchConfig(), fetchWays()])
  session.offer(ways)
  // Asking without anything would only make an error of what is known.
  if (ways.required && !session.credential && !ways.ways.includes('forward')) session.leave()
  else {
    try {
      session.enter(await fetchMe())
    } catch (refused) {
      if (!(refused instanceof Refusal) || refused.isPassing) throw refused
      if (refused.status === 404) session.enter({ tenant: '', userId: '', scopes: ['upload', 'read'], sharesName: false })
      // A token that ran out since the last visit may be renewed.
      else if (refused.status !== 401 || !(await renew(session.credential))) session.refuse(session.credential)
    }
  }
  return config
}
