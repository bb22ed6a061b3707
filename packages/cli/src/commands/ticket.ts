import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { urlOption } from '../settings.ts'

export const command: Command = {
  name: 'ticket',
  about:
    'Whoever has the ticket can join and train: it holds addresses of this peer, the digest of the genesis, and a final height to trust. It expires after twelve hours.',
  options: urlOption,
  examples: ['gradmesh ticket', 'gradmesh ticket --url http://127.0.0.1:4181'],
  async run({ values, io }) {
    const reply = await (await clientOf(values)).ticket()
    io.print(io.json ? JSON.stringify({ ok: true, ...reply }) : reply.ticket)
    io.note(
      `valid until ${new Date(reply.expiresAt * 1000).toISOString()}; on the other machine: gradmesh join TICKET`
    )
    return EXIT.ok
  }
}
