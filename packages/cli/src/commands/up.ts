import type { Command } from '../command.ts'
import { runDaemon } from '../daemon.ts'
import { requireFolder } from '../folder.ts'
import { knownPeers } from '../known-peers.ts'
import { LiveLine } from '../live-line.ts'
import { isQuiet, openLog } from '../logging.ts'
import { passphraseOf } from '../passphrase.ts'
import { rememberPlugin } from '../plugin.ts'
import { isDebug } from '../run.ts'
import { folderOf, logLevelOf, nodeOptions, peerOptions, withKnown } from '../settings.ts'

export const command: Command = {
  name: 'up',
  about: 'The folder was made by `init` or `join`. Its log, as JSON lines, is DIR/peer.log.',
  options: peerOptions,
  examples: [
    'gradmesh up',
    'gradmesh up --data ./peer --port 4181 --p2p-port 4191',
    'gradmesh up --adapter NVIDIA --label attic'
  ],
  async run({ values, io, env }) {
    const folder = folderOf(values)
    const level = logLevelOf(values)
    const asked = nodeOptions(values, folder)
    await requireFolder(folder)
    await rememberPlugin(values, folder)
    const line = new LiveLine(io)
    const log = openLog(folder, level, line.io)
    const options = {
      ...asked,
      bootstrap: withKnown(asked, await knownPeers(folder)),
      logger: log.logger,
      passphrase: await passphraseOf(folder, { values, env })
    }
    return runDaemon({ options, line, isQuiet: isQuiet(level), debug: isDebug(env), flush: log.flush })
  }
}
