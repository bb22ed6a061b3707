import { type VerifyReport, verifyFolder } from '@gradmesh/peer'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { green, red } from '../io.ts'
import { dataOption, datasetOf, datasetOption, folderOf } from '../settings.ts'

const TELL_EVERY = 50
/** Damage often shows in many places, and the first say what it is. */
const FINDINGS_TOLD = 20

/** What a folder that joined late or was pruned leaves open, so that nobody takes it for more than it is. */
const notShown = ({ base, replayedFrom, height }: VerifyReport): string[] => [
  `not shown: the blocks below ${base}, which this folder does not hold (pruned, or it joined by a checkpoint);`,
  `  from ${base} to ${replayedFrom} certificates and hashes were checked, from ${replayedFrom} to ${height} every root was recomputed`,
  '  what to do: to replay from the genesis, verify the folder of a peer that runs with --archive'
]

/** What damaged files or values are in the way of says nothing of the blocks. */
const replayed = ({ height }: VerifyReport): string =>
  height === 0 ? 'no block was replayed because of that' : `the blocks up to ${height} do`

const remedies = ({ findings }: VerifyReport): string[] => {
  const parts = new Set(findings.map(({ where }) => /^(key|safety|error buffer)/.exec(where)?.[0] ?? 'chain'))
  return REMEDIES.flatMap(([part, remedy]) => (parts.has(part) ? [remedy] : []))
}

const REMEDIES = [
  ['key', 'put the key back that belongs to this safety/, or the safety/ that belongs to this key'],
  [
    'safety',
    'safety/ is damaged: `gradmesh key export`, then `gradmesh key import` into a new folder: there the key votes again as soon as it can contradict nothing'
  ],
  [
    'error buffer',
    'nothing: the peer starts without what its earlier rounds had not sent yet, and the next round writes the file anew'
  ],
  [
    'chain',
    'move chain/ away if it is there, keep key and safety/, and start the peer: it fetches the chain anew'
  ]
] as const

export const command: Command = {
  name: 'verify',
  about:
    'Believes nothing in the folder: checks every file of its databases, every signature and certificate, replays all blocks and recomputes every root. The peer must not be running. Exit code 1 when something does not hold.',
  options: { ...dataOption, ...datasetOption },
  examples: ['gradmesh verify', 'gradmesh verify --data ./run/peer-0 --json'],
  async run({ values, io }) {
    const folder = folderOf(values)
    const tell = (height: number, target: number): void => {
      if (!io.json && height % TELL_EVERY === 0) io.note(`block ${height} of ${target} holds`)
    }
    const report = await verifyFolder(folder, tell, datasetOf(values))
    if (io.json) io.print(JSON.stringify(report))
    else if (report.ok) {
      io.print(
        `${green('holds', io)}: ${report.files} files, ${report.height} blocks, ${report.round} rounds`
      )
      io.print(`state root ${report.root}`)
      if (report.base > 0) for (const line of notShown(report)) io.note(line)
    } else {
      io.print(`${red('does not hold', io)} (${replayed(report)}):`)
      const { findings } = report
      for (const { where, what } of findings.slice(0, FINDINGS_TOLD)) io.print(`  ${where}: ${what}`)
      if (findings.length > FINDINGS_TOLD)
        io.print(`  … and ${findings.length - FINDINGS_TOLD} more; --json has all`)
      for (const line of remedies(report)) io.note(`  what to do: ${line}`)
    }
    return report.ok ? EXIT.ok : EXIT.failed
  }
}
