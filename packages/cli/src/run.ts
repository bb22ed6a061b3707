/** One invocation: find the command, parse, run, and turn whatever goes wrong into an exit code. */

import { parseCommandLine, usage } from './arguments.ts'
import type { CommandEntry, Invocation } from './command.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { tellFailure } from './failures.ts'
import { commandHelp, overview } from './help.ts'
import type { Io } from './io.ts'
import { nearest } from './nearest.ts'
import { AGENT_VERSION } from './version.ts'

export interface CliInit {
  readonly commands: readonly CommandEntry[]
  readonly env: Invocation['env']
  readonly io: Io
}

export const runCli = async (words: readonly string[], { commands, env, io }: CliInit): Promise<number> => {
  try {
    const [name, ...rest] = words
    if (name === '--version' || name === '-v') {
      io.print(io.json ? JSON.stringify({ version: AGENT_VERSION }) : AGENT_VERSION)
      return EXIT.ok
    }
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      io.print(overview(commands))
      return name === undefined ? EXIT.usage : EXIT.ok
    }
    const entry = commands.find(command => command.name === name)
    if (entry === undefined) throw unknown(name, commands)
    const command = await entry.load()
    if (rest.includes('--help') || rest.includes('-h')) {
      io.print(commandHelp(entry.summary, command))
      return EXIT.ok
    }
    return await command.run({ ...parseCommandLine(command, rest, env), io, env })
  } catch (thrown) {
    return exitCodeOf(tellFailure(thrown, io, isDebug(env)).code)
  }
}

export const isDebug = (env: Invocation['env']): boolean => (env.GRADMESH_DEBUG ?? '') !== ''

const unknown = (name: string, commands: readonly CommandEntry[]): Error => {
  const names = commands.map(command => command.name)
  const near = nearest(name, names)
  const remedy = near === undefined ? 'run `gradmesh --help`' : `did you mean \`gradmesh ${near}\`?`
  return usage('COMMAND', `there is no command "${name}"`, remedy)
}
