import type { Command } from '../command.ts'
import { amountOf, placeOrder, stakingOptions } from '../staking.ts'

export const command: Command = {
  name: 'unbond',
  args: [{ name: 'AMOUNT', required: true }],
  about:
    'Asks a part of the bond back, and waits until a final block has the order. The part stays at stake until no validator set rests on it, then for the unbonding epochs; what is left must be nothing or the least bond.',
  options: stakingOptions,
  examples: ['gradmesh unbond 1000000', 'gradmesh unbond 1000000 --data ./peer --url http://127.0.0.1:4181'],
  run: invocation => placeOrder(invocation, { kind: 'unbond', amount: amountOf(invocation.args[0]) })
}
