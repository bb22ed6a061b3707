/** `npm run e2e:page`: the walk through the page, told step by step. */
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { withoutAdapter } from '../harness.ts'
import { withoutBrowser } from '../page/chromium.ts'
import { type Figures, runScenario } from './scenario.ts'

const HELP = `npm run e2e:page -- [OPTIONS]

Four peers train on 127.0.0.1 while Chromium walks the page of the first: curves move, votes and rewards
show, a killed peer disappears and comes back, the keyboard works, axe audits it in light, dark and on a phone.

  --screenshots DIR   keep pictures there: light, dark, phone
  --seed TEXT         of the mesh (page)
  --json              the last line is one object with the figures
  --help              this page

Without Chromium or a WebGPU adapter it says so and ends with code 0 and {"skipped":true}.`

const { values } = parseArgs({
  options: {
    screenshots: { type: 'string' },
    seed: { type: 'string', default: 'page' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const print = (
  figures: Partial<Figures> & { skipped: boolean; ok: boolean; reason: string | null }
): void => {
  if (values.json) console.log(JSON.stringify(figures))
}

const main = async (): Promise<number> => {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const why = (await withoutBrowser()) ?? (await withoutAdapter())
  if (why !== null) {
    console.error(`skipped: ${why}`)
    print({ skipped: true, ok: true, reason: why })
    return 0
  }
  const screenshots = values.screenshots === undefined ? null : resolve(values.screenshots)
  if (screenshots !== null) await mkdir(screenshots, { recursive: true })
  let failed = 0
  try {
    const figures = await runScenario(
      { seed: values.seed, screenshots },
      {
        check(ok, what) {
          if (!ok) failed++
          console.error(`${ok ? 'ok     ' : 'not ok '} ${what}`)
        },
        say: what => console.error(`        ${what}`)
      }
    )
    print({ skipped: false, ok: failed === 0, reason: null, ...figures })
  } catch (error) {
    failed++
    const reason = error instanceof Error ? error.message : String(error)
    console.error(`not ok  ${reason}`)
    print({ skipped: false, ok: false, reason })
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
