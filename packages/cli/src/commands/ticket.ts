import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { urlOption } from '../settings.ts'

const LIMITS = {
  none: 'Nobody can use this ticket: this peer has no address that others can call. `gradmesh status` says why and what to do.',
  host: 'This ticket works on this machine alone: the peer listens on a loopback address. Start it without --p2p-host 127.0.0.1.',
  site: 'This ticket works on the local network alone: nobody outside it is known to reach this peer. For others forward its TCP port on the router and start it with --announce, or take the ticket of a peer that is reachable or relayed.',
  world: 'This ticket names addresses on the internet.'
} as const

export const command: Command = {
  name: 'ticket',
  about:
    'Whoever has the ticket can join and train: it holds addresses of this peer, the digest of the genesis, and a final height to trust. It expires after twelve hours.',
  options: urlOption,
  examples: ['gradmesh ticket', 'gradmesh ticket --url http://127.0.0.1:4181'],
  async run({ values, io }) {
    const reply = await (await clientOf(values)).ticket()
    io.print(io.json ? JSON.stringify({ ok: true, ...reply }) : reply.ticket)
    io.note(LIMITS[reply.reach ?? 'none'])
    io.note(
      `valid until ${new Date(reply.expiresAt * 1000).toISOString()}; on the other machine: gradmesh join TICKET`
    )
    return EXIT.ok
  }
}
