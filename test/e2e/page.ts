/** The page at `/` in a real Chromium, at a peer that trains and at one that demands a token. */
import { silentLogger } from '@gradmesh/core'
import { dashboardFiles } from '@gradmesh/dashboard'
import t from 'tap'
import { createHttpServer, PrometheusMetrics } from '../../packages/peer/src/http/index.ts'
import { FakeView } from '../../packages/peer/test/http/fixtures/fake-view.ts'
import { withoutAdapter } from './harness.ts'
import { inPage, withoutBrowser } from './page/chromium.ts'
import { runScenario } from './status-page/scenario.ts'

t.setTimeout(400_000)

const noBrowser = await withoutBrowser()
const noAdapter = await withoutAdapter()

t.test('a peer that demands its token', { skip: noBrowser ?? false }, async t => {
  const token = 'a-token-of-more-than-thirty-two-letters'
  const server = await createHttpServer({
    port: 0,
    view: new FakeView(),
    metrics: new PrometheusMetrics(),
    logger: silentLogger,
    files: dashboardFiles(),
    access: { token, openReads: false }
  })
  t.teardown(() => server.close())
  await inPage(server.url, async page => {
    const door = page.locator('#door')
    const field = page.locator('#door-token')
    await door.waitFor()
    await field.fill('a wrong one')
    await field.press('Enter')
    await page.locator('#door-wrong').waitFor()
    await field.fill(token)
    await field.press('Enter')
    await page.locator('#network', { hasText: 'digits-1' }).waitFor()
    t.notOk(await door.isVisible(), 'the right token opens the page')
    await page.reload()
    await page.locator('#link', { hasText: 'live' }).waitFor()
    t.notOk(await door.isVisible(), 'the tab remembers it')
    const links = await page.evaluate(() => location.href)
    t.notMatch(links, token)
  })
  await inPage(`${server.url}/#token=${token}`, async page => {
    await page.locator('#network', { hasText: 'digits-1' }).waitFor()
    t.notMatch(await page.evaluate(() => location.href), token, 'the address forgets the token')
  })
})

t.test('a peer that trains', { skip: noBrowser ?? noAdapter ?? false }, async t => {
  const figures = await runScenario(
    { seed: 'page', screenshots: null },
    { check: (ok, what) => t.ok(ok, what), say: what => t.comment(what) }
  )
  t.comment(JSON.stringify(figures))
})
