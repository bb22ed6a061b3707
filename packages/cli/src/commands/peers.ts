import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { bytes, milliseconds, shortKey, table } from '../format.ts'
import { urlOption } from '../settings.ts'

export const command: Command = {
  name: 'peers',
  options: urlOption,
  examples: ['gradmesh peers', 'gradmesh peers --json'],
  async run({ values, io }) {
    const reply = await (await clientOf(values)).peers()
    if (io.json) io.print(JSON.stringify(reply))
    else if (reply.peers.length === 0) io.print('no peer is connected')
    else {
      const rows = reply.peers.map(peer => [
        peer.label ?? '-',
        shortKey(peer.key),
        peer.direction,
        milliseconds(peer.rttMs),
        peer.score.toFixed(1),
        peer.graylisted ? 'graylisted' : 'active',
        bytes(peer.bytesSent),
        bytes(peer.bytesReceived),
        peer.address
      ])
      io.print(
        table(['label', 'key', 'direction', 'rtt', 'score', 'state', 'sent', 'received', 'address'], rows)
      )
    }
    return EXIT.ok
  }
}
