/** How far an address reaches, told by the IP address that it begins with; a name is taken for one of the internet. */
import type { Reach } from './types.ts'

const WIDTH: Readonly<Record<Reach, number>> = { host: 0, site: 1, world: 2 }

const SITE4 =
  /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/

/** Of a multiaddr as text; through a relay it is the relay's. */
export const reachOf = (address: string): Reach => {
  const [, family, ip = ''] = address.split('/')
  if (family === 'ip4') return /^(127|0)\./.test(ip) ? 'host' : SITE4.test(ip) ? 'site' : 'world'
  if (family === 'ip6')
    return ip === '::1' || ip === '::' ? 'host' : /^(fc|fd|fe[89ab])/i.test(ip) ? 'site' : 'world'
  return 'world'
}

export const isAtLeast = (reach: Reach, other: Reach): boolean => WIDTH[reach] >= WIDTH[other]

export const widest = (reaches: Iterable<Reach>): Reach | null =>
  [...reaches].reduce<Reach | null>(
    (best, reach) => (best !== null && isAtLeast(best, reach) ? best : reach),
    null
  )
