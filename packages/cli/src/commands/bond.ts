import type { Command } from '../command.ts'
import { amountOf, placeOrder, stakingOptions } from '../staking.ts'

export const command: Command = {
  name: 'bond',
  args: [{ name: 'AMOUNT', required: true }],
  about:
    'Puts free money at stake, and waits until a final block has the order. With the least bond of the mesh or more this peer votes two epochs later. Rewards are free when they have vested: `gradmesh stakes` shows both.',
  options: stakingOptions,
  examples: ['gradmesh bond 1000000', 'gradmesh bond 1000000 --data ./peer --url http://127.0.0.1:4181'],
  run: invocation => placeOrder(invocation, { kind: 'bond', amount: amountOf(invocation.args[0]) })
}
