import type { Command } from '../command.ts'
import { type Check, checkMachine } from '../doctor/checks.ts'
import { EXIT } from '../exit-codes.ts'
import { green, type Io, red, yellow } from '../io.ts'
import { folderOf, peerOptions } from '../settings.ts'

const { data, port, 'p2p-port': p2pPort, adapter } = peerOptions

export const command: Command = {
  name: 'doctor',
  args: [{ name: 'TICKET', required: false }],
  about:
    'Every finding says what to do about it. With a ticket, or the address of a peer, it is checked whether that can be reached from here. Exit code 1 when something stands in the way.',
  options: {
    data,
    port,
    'p2p-port': p2pPort,
    adapter,
    peer: { type: 'string', value: 'MULTIADDR', help: 'a peer to reach' },
    tune: { type: 'boolean', help: 'measure which form of the matrix product is fastest on this adapter' }
  },
  examples: [
    'gradmesh doctor',
    'gradmesh doctor TICKET',
    'gradmesh doctor --tune',
    'gradmesh doctor --peer /ip4/192.0.2.7/tcp/4190 --json'
  ],
  async run({ values, args, io }) {
    const ports = { min: 0, max: 65_535 }
    const checks = await checkMachine({
      folder: folderOf(values),
      httpPort: values.integer('port', ports) ?? 4180,
      p2pPort: values.integer('p2p-port', ports) ?? 4190,
      adapter: values.text('adapter') ?? null,
      ticket: args[0] ?? null,
      peer: values.text('peer') ?? null,
      tune: values.is('tune')
    })
    const ok = checks.every(({ state }) => state !== 'bad')
    if (io.json) io.print(JSON.stringify({ ok, checks }))
    else for (const check of checks) tell(check, io)
    return ok ? EXIT.ok : EXIT.failed
  }
}

const MARKS = { good: green, attention: yellow, bad: red }

const tell = ({ name, state, found, remedy, details }: Check, io: Io): void => {
  io.print(
    `${MARKS[state](state === 'good' ? 'ok  ' : state === 'bad' ? 'bad ' : 'look', io)} ${name}: ${found}`
  )
  for (const line of details) io.print(`       ${line}`)
  if (remedy !== null) io.print(`     what to do: ${remedy}`)
}
