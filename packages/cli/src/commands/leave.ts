import type { Command } from '../command.ts'
import { placeOrder, stakingOptions } from '../staking.ts'

export const command: Command = {
  name: 'leave',
  about:
    'Asks the whole bond back, and waits until a final block has the order; says until when this peer still votes, and when the money is free. Training goes on: stop the peer to end it, but not before its seat is gone.',
  options: stakingOptions,
  examples: ['gradmesh leave', 'gradmesh leave --data ./peer --url http://127.0.0.1:4181'],
  run: invocation => placeOrder(invocation, { kind: 'leave' })
}
