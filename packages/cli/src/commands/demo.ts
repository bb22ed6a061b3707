import { randomBytes } from 'node:crypto'
import type { Command } from '../command.ts'
import { P2P_OFFSET, PEERS_MAX } from '../demo/plan.ts'
import { runDemo } from '../demo/run-demo.ts'

const ROUNDS_MAX = 1_000_000
const PORT_MAX = 65_535 - P2P_OFFSET - PEERS_MAX

export const command: Command = {
  name: 'demo',
  about:
    'Each peer is a process of its own with its own key, database and ports. Exit code 0 only if all peers end with the same state and the accuracy target of the task is met.',
  options: {
    peers: { type: 'string', value: 'N', help: 'how many', default: '4' },
    rounds: { type: 'string', value: 'N', help: "the task's own number when left out" },
    seed: {
      type: 'string',
      value: 'TEXT',
      help: 'first weights, split of the data, order of leaders; random when left out'
    },
    task: { type: 'string', value: 'NAME', help: 'what to learn', default: 'digits' },
    'port-base': {
      type: 'string',
      value: 'N',
      help: `HTTP from N on, libp2p from N + ${P2P_OFFSET} on`,
      default: '4180'
    },
    data: {
      type: 'string',
      value: 'DIR',
      help: 'keep everything in this new folder; a temporary one when left out'
    },
    keep: { type: 'boolean', help: 'keep the temporary folder' },
    adapter: {
      type: 'string',
      value: 'NAME',
      help: 'part of the name of the GPU to use; hardware first',
      env: 'GRADMESH_ADAPTER'
    }
  },
  examples: ['npm start', 'npm start -- --rounds 20 --peers 3', 'npm start -- --seed 7 --data ./run --json'],
  async run({ values, io, env }) {
    return runDemo({
      peers: values.integer('peers', { min: 1, max: PEERS_MAX }) ?? 4,
      rounds: values.integer('rounds', { min: 1, max: ROUNDS_MAX }) ?? null,
      seed: values.text('seed') ?? randomBytes(4).toString('hex'),
      task: values.text('task') ?? 'digits',
      portBase: values.integer('port-base', { min: 1, max: PORT_MAX }) ?? 4180,
      data: values.text('data') ?? null,
      keep: values.is('keep'),
      adapter: values.text('adapter') ?? null,
      io,
      env
    })
  }
}
