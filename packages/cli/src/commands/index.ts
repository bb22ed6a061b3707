/** The table of commands, in the order of the help. */
import type { Command, CommandEntry } from '../command.ts'

const entry = (
  name: string,
  summary: string,
  load: () => Promise<{ command: Command }>,
  group?: string
): CommandEntry => ({
  name,
  summary,
  ...(group === undefined ? {} : { group }),
  load: async () => (await load()).command
})

const PEER = 'how the running peer is doing, its connections'
const CHAIN = 'final blocks; stakes, rewards and trainers'
const RUN = 'run a peer; join a mesh by its ticket, and run'
const STAKE = 'put money at stake to vote, ask it back'
const MODEL = 'what the final weights can do'

export const commands: readonly CommandEntry[] = [
  entry('demo', 'start peers on this machine, train, sum up', () => import('./demo.ts')),
  entry('init', 'make a key and the genesis of a new mesh', () => import('./init.ts')),
  entry('up', 'run a peer in the foreground', () => import('./up.ts'), RUN),
  entry('join', 'join a mesh by its ticket, and run', () => import('./join.ts'), RUN),
  entry('key', 'seal, show, back up or restore the key', () => import('./key.ts')),
  entry('ticket', 'print what another machine needs to join', () => import('./ticket.ts')),
  entry('status', 'how the running peer is doing', () => import('./status.ts'), PEER),
  entry('peers', 'its connections', () => import('./peers.ts'), PEER),
  entry('blocks', 'final blocks, newest first', () => import('./blocks.ts'), CHAIN),
  entry('stakes', 'stakes, rewards and registered trainers', () => import('./stakes.ts'), CHAIN),
  entry('bond', 'put free money at stake, to vote', () => import('./bond.ts'), STAKE),
  entry('unbond', 'ask a part of the bond back', () => import('./unbond.ts'), STAKE),
  entry('leave', 'ask all of the bond back', () => import('./leave.ts'), STAKE),
  entry('recover', 'go on without validators that are lost for good', () => import('./recover.ts')),
  entry('watch', 'live view of the running peer', () => import('./watch.ts')),
  entry('verify', 'replay a folder, recompute every root', () => import('./verify.ts')),
  entry('export', 'write the final weights as safetensors', () => import('./export.ts')),
  entry('eval', "the task's report on the final weights", () => import('./eval.ts'), MODEL),
  entry('generate', 'text from the final weights', () => import('./generate.ts'), MODEL),
  entry('classify', 'classes or named entities, by the final weights', () => import('./classify.ts'), MODEL),
  entry('tokenizer', 'learn a byte-level BPE from text', () => import('./tokenizer.ts')),
  entry('doctor', 'check this machine: GPU, ports, clock, disk, network', () => import('./doctor.ts')),
  entry('support-bundle', 'what others need to help, without secrets', () => import('./support-bundle.ts')),
  entry('completion', 'completion for bash, zsh or fish', () => import('./completion.ts'))
]
