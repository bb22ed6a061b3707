/**
 * The page of a peer in a real browser while four peers train: curves move, blocks come with their votes, a
 * killed peer disappears and comes back, the keyboard reaches everything, axe finds nothing serious in
 * light, dark and on a phone, and nobody but the peer is asked for anything.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@gradmesh/core'
import type { Page } from 'playwright-core'
import type { Teller } from '../command.ts'
import { createMesh, type PeerProcess, until } from '../harness.ts'
import { inPage } from '../page/chromium.ts'

export interface Figures {
  /** From opening the page to the first figures on it. */
  readonly readySeconds: number
  readonly lossPointsBefore: number
  readonly lossPointsAfter: number
  readonly goneSeconds: number
  readonly backSeconds: number
  readonly consoleErrors: number
  readonly axeViolations: number
  readonly axeSerious: number
}

export interface Settings {
  readonly seed: string
  /** Where pictures go; null for none. */
  readonly screenshots: string | null
}

const PATIENCE_MS = 90_000
const DESKTOP = { width: 1280, height: 1500 }
const PHONE = { width: 390, height: 844 }

export const runScenario = async ({ seed, screenshots }: Settings, teller: Teller): Promise<Figures> => {
  const mesh = await createMesh({ peers: 4, rounds: null, roundDeadlineMs: 1500, innerSteps: 4, seed })
  try {
    for (const peer of mesh.peers) peer.start()
    const [first, , victim] = mesh.peers as readonly [PeerProcess, PeerProcess, PeerProcess]
    await until('the mesh trains', PATIENCE_MS, async () => (await first.height()) > 6)
    return await inPage(first.url, page => walk(page, first, victim, screenshots, teller))
  } finally {
    await mesh.close()
  }
}

const walk = async (
  page: Page,
  peer: PeerProcess,
  victim: PeerProcess,
  screenshots: string | null,
  { check, say }: Teller
): Promise<Figures> => {
  const complaints: string[] = []
  const foreign: string[] = []
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('request', request => {
    if (!request.url().startsWith(peer.url)) foreign.push(request.url())
  })
  await page.setViewportSize(DESKTOP)
  const picture = async (name: string): Promise<void> => {
    if (screenshots !== null) await page.screenshot({ path: join(screenshots, `${name}.png`) })
  }

  const opened = systemClock.nowMs()
  await page.reload()
  await page.locator('#link', { hasText: 'live' }).waitFor()
  await page.locator('#mesh [role=listitem]').nth(3).waitFor()
  await page.locator('#loss-chart .curve').waitFor({ state: 'attached' })
  const readySeconds = (systemClock.nowMs() - opened) / 1000
  say(`figures on the page after ${readySeconds.toFixed(1)} s`)

  const lossPointsBefore = await pointsOf(page, 'loss')
  const finalityBefore = await pointsOf(page, 'finality')
  const round = await numberIn(page, 'Round')
  await until('the curves move', PATIENCE_MS, async () => {
    const [loss, finality] = [await pointsOf(page, 'loss'), await pointsOf(page, 'finality')]
    return (
      loss > lossPointsBefore + 2 && finality > finalityBefore + 2 && (await numberIn(page, 'Round')) > round
    )
  })
  check(true, 'loss and finality curves and the round move on')
  await page.locator('#score-chart .curve').waitFor({ state: 'attached', timeout: PATIENCE_MS })
  const votes = await page.locator('#blocks tbody tr').first().locator('td').nth(3).innerText()
  check(/[34] of 4/.test(votes), `the newest block shows its votes: ${votes}`)
  await page.locator('#receipts tbody tr').first().waitFor()
  const why = await page.locator('#receipts tbody tr').last().innerText()
  check(
    /accepted/.test(why) && /names it/.test(why),
    `own rewards are explained: ${why.replaceAll('\t', ' ')}`
  )
  check((await numberIn(page, 'Adapter at work')) > 0, 'the adapter is at work')

  await keyboard(page, check)
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  const axe: AxeFinding[] = []
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    axe.push(...(await audit(page, scheme)))
    await picture(scheme)
  }
  await page.setViewportSize(PHONE)
  await page.emulateMedia({ colorScheme: 'light' })
  axe.push(...(await audit(page, 'phone')))
  await picture('phone')
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  check(overflow <= 0, 'on a phone nothing but tables is wider than the screen')
  await page.setViewportSize(DESKTOP)
  const serious = axe.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  for (const finding of axe) say(`axe, ${finding.where}: ${finding.impact} ${finding.id}: ${finding.nodes}`)
  check(serious.length === 0, 'axe finds nothing serious in light, dark and on a phone')

  const isShown = async (): Promise<boolean> =>
    (await page.locator(`#mesh [data-key="${victim.key}"]`).count()) === 1 &&
    (await page.locator(`#peers [title="${victim.key}"]`).count()) === 1
  check(await isShown(), `${victim.name} is on the picture and in the table`)
  await victim.kill()
  const goneSeconds = await until(`${victim.name} disappears from the page`, PATIENCE_MS, async () => {
    const nodes = await page.locator('#mesh [role=listitem]').count()
    return nodes === 3 && (await page.locator(`#peers [title="${victim.key}"]`).count()) === 0
  })
  check(true, `the killed ${victim.name} disappears after ${goneSeconds.toFixed(1)} s`)
  const roundThen = await numberIn(page, 'Round')
  await until('the page shows that the others go on', PATIENCE_MS, async () => {
    return (await numberIn(page, 'Round')) > roundThen + 1
  })
  check(true, 'the round moves on without it')
  victim.start()
  const backSeconds = await until(`${victim.name} is on the page again`, PATIENCE_MS, isShown)
  check(true, `back after ${backSeconds.toFixed(1)} s`)

  const lossPointsAfter = await pointsOf(page, 'loss')
  for (const complaint of complaints) say(`console: ${complaint}`)
  check(complaints.length === 0, 'no console error')
  check(foreign.length === 0, `nothing is asked of anybody else${foreign.map(url => ` ${url}`).join('')}`)
  const consoleErrors = complaints.length

  await peer.stop()
  await page.locator('#link', { hasText: 'reconnecting' }).waitFor({ timeout: PATIENCE_MS })
  peer.start()
  await page.locator('#link', { hasText: 'live' }).waitFor({ timeout: PATIENCE_MS })
  check(true, 'after its peer came back the page is live again by itself')

  return {
    readySeconds,
    lossPointsBefore,
    lossPointsAfter,
    goneSeconds,
    backSeconds,
    consoleErrors,
    axeViolations: axe.length,
    axeSerious: serious.length
  }
}

/** How many points the curve has that is drawn. */
const pointsOf = async (page: Page, chart: 'loss' | 'score' | 'finality'): Promise<number> => {
  const path = await page.locator(`#${chart}-chart .curve`).getAttribute('d')
  return path?.match(/[ML]/g)?.length ?? 0
}

/** The first number of the fact with that name. */
const numberIn = async (page: Page, term: string): Promise<number> => {
  const text = await page
    .locator('dl div', { has: page.locator('dt', { hasText: new RegExp(`^${term}$`) }) })
    .locator('dd')
    .first()
    .innerText()
  return Number(/[\d.]+/.exec(text)?.[0])
}

const keyboard = async (page: Page, check: Teller['check']): Promise<void> => {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press('Tab')
  const skip = await page.evaluate(() => document.activeElement?.className)
  check(skip === 'skip', 'the first Tab reaches the link that skips the head')
  await page.keyboard.press('Tab')
  const chart = page.locator('#loss-chart svg')
  check(await chart.evaluate(svg => svg === document.activeElement), 'the next one the first curve')
  await page.keyboard.press('Home')
  const oldest = await page.locator('#loss-chart output').innerText()
  await page.keyboard.press('ArrowRight')
  check((await page.locator('#loss-chart output').innerText()) !== oldest, `arrow keys read it: ${oldest}`)
  await page.keyboard.press('Escape')
  const node = page.locator('#mesh [role=listitem]').last()
  const key = await node.getAttribute('data-key')
  await node.focus()
  await page.waitForTimeout(2500)
  const held = await page.evaluate(() => document.activeElement?.getAttribute('data-key'))
  check(held === key, 'the focus stays on a peer while the picture is drawn anew')
}

interface AxeFinding {
  readonly where: string
  readonly id: string
  readonly impact: string
  readonly nodes: string
}

const axeSource = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

const audit = async (page: Page, where: string): Promise<AxeFinding[]> => {
  // Evaluated by the debugger: the page's own policy stays as strict as it is.
  await page.evaluate(axeSource)
  return page.evaluate(async where => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') }
    const { violations } = await axe.run()
    return violations.map(({ id, impact, nodes }) => ({
      where,
      id,
      impact: impact ?? 'minor',
      nodes: nodes
        .slice(0, 3)
        .map(node => node.html.slice(0, 120))
        .join(' | ')
    }))
  }, where)
}
