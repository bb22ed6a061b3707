/** `npm run e2e:docker`: the whole scenario, told step by step. */
import { runCommand, WrongArgument } from '../command.ts'
import { withoutEngine } from './engine.ts'
import { runScenario } from './scenario.ts'

const HELP = `npm run e2e:docker -- [OPTIONS]

Builds the image, brings docker/compose.yaml up and tries it: first block, accuracy, a killed peer, a
crashed one, one that joins, two that are cut off from the network, docker stop, every root compared.
Containers, network and volume of it are removed at the end; the image gradmesh:e2e stays.

  --validators N   replicas that validate; from 7 on two of them are cut off (4)
  --outage N       seconds without network (30)
  --seed TEXT      of the mesh; random when left out
  --json           the last line is one object with the figures
  --help           this page

Without a Docker engine it says so and ends with code 0 and {"skipped":true}.`

await runCommand({
  help: HELP,
  options: {
    validators: { type: 'string', default: '4' },
    outage: { type: 'string', default: '30' },
    seed: { type: 'string', default: '' }
  },
  lacks: withoutEngine,
  prepare: values => {
    const validators = Number(values.validators)
    const outageSeconds = Number(values.outage)
    if (!Number.isInteger(validators) || validators < 4 || validators > 16 || !(outageSeconds >= 0))
      throw new WrongArgument('--validators takes 4 to 16, --outage seconds')
    return tell =>
      runScenario({ validators, outageSeconds, seed: String(values.seed), stall: validators < 7 }, tell)
  }
})
