/** `npm run e2e:page`: the walk through the page, told step by step. */
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { runCommand } from '../command.ts'
import { withoutAdapter } from '../harness.ts'
import { withoutBrowser } from '../page/chromium.ts'
import { runScenario } from './scenario.ts'

const HELP = `npm run e2e:page -- [OPTIONS]

Four peers train on 127.0.0.1 while Chromium walks the page of the first: curves move, votes and rewards
show, a killed peer disappears and comes back, the keyboard works, axe audits it in light, dark and on a phone.

  --screenshots DIR   keep pictures there: light, dark, phone
  --seed TEXT         of the mesh (page)
  --json              the last line is one object with the figures
  --help              this page

Without Chromium or a WebGPU adapter it says so and ends with code 0 and {"skipped":true}.`

await runCommand({
  help: HELP,
  options: { screenshots: { type: 'string' }, seed: { type: 'string', default: 'page' } },
  lacks: async () => (await withoutBrowser()) ?? (await withoutAdapter()),
  prepare: values => async tell => {
    const screenshots = typeof values.screenshots === 'string' ? resolve(values.screenshots) : null
    if (screenshots !== null) await mkdir(screenshots, { recursive: true })
    return runScenario({ seed: String(values.seed), screenshots }, tell)
  }
})
