import { connect } from 'node:net'
import { readTicket } from '@gradmesh/peer'
import { bad, type Check, type DoctorInit, good } from './checks.ts'

const TIMEOUT_MS = 4000
const TCP = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)/

/** A TCP connection to each address that the ticket or the user names. */
export const checkReach = async ({ ticket, peer }: DoctorInit): Promise<readonly Check[]> => {
  const addresses = [
    ...(ticket === null ? [] : readTicket(ticket).addresses),
    ...(peer === null ? [] : [peer])
  ]
  if (addresses.length === 0) return []
  const troubles = await Promise.all(addresses.map(trouble))
  const reached = addresses.filter((_, i) => troubles[i] === null)
  const details = addresses.map((address, i) => `${address}: ${troubles[i] ?? 'answers'}`)
  return [
    reached.length > 0
      ? good('reach', `${reached.length} of ${addresses.length} addresses answer`, details)
      : bad(
          'reach',
          'none of the addresses answers',
          'check that the peer runs, that both machines are on networks that see each other, and that no firewall stands between',
          details
        )
  ]
}

const trouble = (address: string): Promise<string | null> => {
  const match = TCP.exec(address)
  if (match === null)
    return Promise.resolve('not an address that can be checked: /ip4/A.B.C.D/tcp/PORT is expected')
  const [, host = '', port = ''] = match
  return new Promise(resolve => {
    const socket = connect({ host, port: Number(port), timeout: TIMEOUT_MS })
    const end = (why: string | null): void => {
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => end(null))
    socket.once('timeout', () => end('no answer'))
    socket.once('error', error => end(error.message))
  })
}
