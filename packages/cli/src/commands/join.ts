import { toHex } from '@gradmesh/core'
import { ensureKey, joinMesh, readTicket } from '@gradmesh/peer'
import { chainIdOf } from '@gradmesh/wire'
import type { Command } from '../command.ts'
import { runDaemon } from '../daemon.ts'
import { seconds, shortKey } from '../format.ts'
import { rememberPeers } from '../known-peers.ts'
import { LiveLine } from '../live-line.ts'
import { isQuiet, openLog } from '../logging.ts'
import { passphraseOf } from '../passphrase.ts'
import { rememberPlugin } from '../plugin.ts'
import { isDebug } from '../run.ts'
import { folderOf, logLevelOf, nodeOptions, peerOptions, withKnown } from '../settings.ts'

export const command: Command = {
  name: 'join',
  about:
    'Fetches the genesis from a peer that the ticket names, checks it against the ticket, then runs like `up`. Later `gradmesh up` with the same folder is enough.',
  args: [{ name: 'TICKET', required: true }],
  options: peerOptions,
  examples: [
    'gradmesh join TICKET',
    'gradmesh join TICKET --data ./peer --label laptop --port 4181 --p2p-port 4191'
  ],
  async run({ values, args, io, env }) {
    const [ticket = ''] = args
    const folder = folderOf(values)
    const level = logLevelOf(values)
    const asked = nodeOptions(values, folder)
    readTicket(ticket)
    await rememberPlugin(values, folder)
    const passphrase = await passphraseOf(folder, { values, env })
    await ensureKey(folder, { passphrase, tell: io.note })
    const line = new LiveLine(io)
    const log = openLog(folder, level, line.io)
    const { genesis, bootstrap } = await joinMesh({ ticket, folder, logger: log.logger, passphrase })
    await rememberPeers(folder, bootstrap)
    const chainId = toHex(chainIdOf(genesis))
    if (io.json)
      io.print(JSON.stringify({ event: 'joined', network: genesis.name, chainId, task: genesis.task.id }))
    else io.note(`Joined the mesh ${genesis.name} (${shortKey(chainId)}), which learns "${genesis.task.id}".`)
    return runDaemon({
      options: { ...asked, bootstrap: withKnown(asked, bootstrap), logger: log.logger, passphrase },
      line,
      isQuiet: isQuiet(level),
      debug: isDebug(env),
      flush: log.flush,
      onFirstAccepted(taken) {
        if (!line.io.json)
          line.io.note(`The mesh accepted the first delta of this peer ${seconds(taken)} after its start.`)
        else io.print(JSON.stringify({ event: 'first-accepted-delta', seconds: Number(taken.toFixed(2)) }))
      }
    })
  }
}
