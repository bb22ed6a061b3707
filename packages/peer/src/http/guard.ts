/**
 * Who may ask. The server listens on this machine alone, but every web page that its user visits
 * can send requests from this machine too. Two doors close that:
 *
 * - DNS rebinding: a page at evil.example makes its own name resolve to 127.0.0.1 and reads the
 *   answers as its own. It cannot choose the Host header, so only names that nobody else can own are
 *   served: `localhost`, IP addresses, and what the operator listed.
 * - Plain cross-site requests: they cannot read the answers (no CORS header is ever sent), but could
 *   hold event streams, or make the peer work. Browsers mark them with `Sec-Fetch-Site`; following a link stays
 *   allowed, sending a form does not.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import { type ProblemError, refuse } from './problems.ts'

export interface HostRule {
  /** The address that the server listens on. */
  readonly host: string
  /** Names served besides: what a container or a reverse proxy is called. */
  readonly names: readonly string[]
}

const AUTHORITY = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::[0-9]{1,5})?$/i

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

export const isHostServed = (header: string | undefined, rule: HostRule): boolean => {
  const match = AUTHORITY.exec(header ?? '')
  if (match === null) return false
  const name = (match[1] ?? match[2] ?? '').toLowerCase()
  if (isLoopback(name) || rule.names.includes(name)) return true
  return isIP(name) !== 0 && !isLoopback(rule.host)
}

/** What is wrong with a request before anything of it is looked at, or undefined. */
export const inspect = (
  method: string,
  headers: IncomingHttpHeaders,
  rule: HostRule,
  bodyBytesMax: number
): ProblemError | undefined => {
  if (!isHostServed(headers.host, rule))
    return refuse('HTTP_HOST', 'this peer does not answer to that Host header', { connection: 'close' })
  const site = headers['sec-fetch-site']
  const isRead = method === 'GET' || method === 'HEAD'
  const isLink = isRead && headers['sec-fetch-mode'] === 'navigate'
  if ((site === 'cross-site' || site === 'same-site') && !isLink)
    return refuse('HTTP_CROSS_SITE', 'a page of another origin sent this request')
  if (Number(headers['content-length'] ?? 0) > bodyBytesMax)
    return refuse('HTTP_BODY_TOO_LARGE', `the body is longer than ${bodyBytesMax} bytes`, {
      connection: 'close'
    })
  // Fastify leaves the body of a GET unread, and Node would then read on without end to reach the next request.
  if (isRead && headers['transfer-encoding'] !== undefined)
    return refuse('HTTP_BODY_MALFORMED', `a ${method} request takes no body`, { connection: 'close' })
  return undefined
}
