/** `npm run e2e:nat`: the whole scenario, told step by step. */
import { runCommand, WrongArgument } from '../command.ts'
import { withoutAdapter } from '../harness.ts'
import { withoutNamespaces } from '../namespaces/namespaces.ts'
import { runScenario } from './scenario.ts'

const HELP = `npm run e2e:nat -- [OPTIONS]

Makes network namespaces: one public, with two peers of a mesh, and two behind NAT routers of their own. A
laptop behind the first NAT joins by ticket, says how it is reached and has a delta accepted, again and
again; then one behind the second NAT joins by a ticket of the first, and the two talk. Needs Linux, root,
ip and iptables. Everything that it made is removed at the end.

  --tries N        how often the first laptop joins (10)
  --seed TEXT      of the mesh (nat)
  --json           the last line is one object with the figures
  --help           this page

Where something is missing it says so and ends with code 0 and {"skipped":true}.`

await runCommand({
  help: HELP,
  options: { tries: { type: 'string', default: '10' }, seed: { type: 'string', default: 'nat' } },
  lacks: async () => (await withoutNamespaces()) ?? (await withoutAdapter()),
  prepare: values => {
    const tries = Number(values.tries)
    if (!Number.isInteger(tries) || tries < 1 || tries > 100)
      throw new WrongArgument('--tries takes 1 to 100')
    return tell => runScenario({ tries, seed: String(values.seed) }, tell)
  }
})
