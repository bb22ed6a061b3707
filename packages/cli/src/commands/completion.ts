import { usage } from '../arguments.ts'
import type { Command } from '../command.ts'
import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { completedCommands } from '../completion/model.ts'
import { zshCompletion } from '../completion/zsh.ts'
import { EXIT } from '../exit-codes.ts'
import { commands } from './index.ts'

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

export const command: Command = {
  name: 'completion',
  args: [{ name: Object.keys(SHELLS).join('|'), required: true }],
  about: 'Prints a script for the shell: commands, options, folders, files and fixed values.',
  options: {},
  examples: [
    'source <(gradmesh completion bash)',
    'source <(gradmesh completion zsh)',
    'gradmesh completion fish | source'
  ],
  async run({ args, io }) {
    const shell = Object.entries(SHELLS).find(([name]) => name === args[0])
    if (shell === undefined)
      throw usage('ARGUMENT', `"${args[0]}" is none of ${Object.keys(SHELLS).join(', ')}`, 'name your shell')
    const script = shell[1](await completedCommands(commands))
    io.print(io.json ? JSON.stringify({ ok: true, shell: shell[0], script }) : script.trimEnd())
    return EXIT.ok
  }
}
