// The main journey through every screen, in a real browser against a real server:
// log in, import, look at a workflow, start a job with a manual task, reject it, see the
// branch taken, accept it, repair an errored task. axe looks at each screen on the way.
//
// --shots writes the pictures of docs/.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { browse, password, root, serve } from './server.mjs'

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const shots = process.argv.includes('--shots')
const began = Date.now()
const say = (text) => console.log(`${String(Date.now() - began).padStart(6)} ms  ${text}`)

const server = await serve({
  methods: {
    'Network.setConfig': [{ finishState: 'error', error: { message: 'The device refused the configuration.' } }, { outgoing: { result: { changed: true } } }],
    'Ipam.reserveAddress': [{ outgoing: { result: { address: '192.0.2.10' } } }],
  },
})
const browser = await browse()
const complaints = []

try {
  // The pages' policy forbids inline scripts; axe is put in by the test, past the policy.
  const context = await browser.newContext({ viewport: shots ? { width: 1200, height: 720 } : { width: 1360, height: 820 }, colorScheme: 'light', reducedMotion: 'reduce', locale: 'en-GB' })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  page.on('console', (m) => {
    // A browser reports the 401 before the login, and the 403 that the viewer is meant to get.
    if (m.type() === 'error' && !/401|403/.test(m.text())) complaints.push(m.text())
  })
  page.on('pageerror', (e) => complaints.push(String(e)))
  page.on('request', (r) => {
    if (!r.url().startsWith(server.url) && !/^(blob|data):/.test(r.url())) complaints.push(`asked another host: ${r.url()}`)
  })

  /** look runs axe in both themes and takes the pictures that are asked for. */
  async function look(screen, picture) {
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme })
      await page.evaluate(axeSource)
      const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
      const serious = found.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
      assert.deepEqual(
        serious.map((v) => `${screen}, ${theme}: ${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary}`).join('\n  ')}`),
        [],
      )
      if (shots && picture?.[theme]) await page.screenshot({ path: join(root, 'server/ui/docs', `${picture[theme]}.png`) })
      if (process.env.HEDDLE_SHOTS) await page.screenshot({ path: join(process.env.HEDDLE_SHOTS, `${screen.replaceAll(' ', '-')}-${theme}.png`) })
    }
    await page.emulateMedia({ colorScheme: 'light' })
    say(`${screen}: accessible in light and dark`)
  }
  const button = (name, scope = page) => scope.getByRole('button', { name, exact: true })
  const link = (name, scope = page) => scope.getByRole('link', { name, exact: true })

  const main = page.getByRole('navigation', { name: 'Main' })

  await page.goto(server.url)
  await page.getByLabel('User name').fill('admin')
  await page.getByLabel('Password').fill('not the password')
  await button('Log in').click()
  await page.getByRole('alert').waitFor()
  await look('login')
  await page.getByLabel('Password').fill(password)
  await button('Log in').click()
  await page.getByRole('heading', { name: 'No job has run yet' }).waitFor()
  await look('empty job list')

  // import
  await link('Open the workflows').click()
  await page.getByRole('heading', { name: 'No workflow yet' }).waitFor()
  const folder = join(root, 'testdata/workflows')
  const files = (await readdir(folder)).filter((f) => f.endsWith('.json') && !f.endsWith('.mock.json'))
  await page.locator('input[type=file]').setInputFiles(files.map((f) => join(folder, f)))
  await page.getByText(`Imported ${files.length} files`).waitFor()
  say(`imported ${files.length} files`)
  await look('workflows after import')
  await button('Close').click()
  await look('workflows', { light: 'workflows-light' })
  const [saved] = await Promise.all([page.waitForEvent('download'), button('Export Approve a Change').click()])
  assert.equal(JSON.parse(await readFile(await saved.path(), 'utf8')).name, 'Approve a Change')

  // a workflow
  await page.getByLabel('Filter by name').fill('Approve')
  await link('Approve a Change').click()
  await page.getByText('Accept the change?').first().waitFor()
  await page.getByText('No problem was found').waitFor()
  await look('workflow', { dark: 'workflow-dark' })
  await page.locator('[data-id=a2]').click()
  await page.getByRole('heading', { name: 'Goes on to' }).waitFor()
  await button('JSON').click()
  await page.getByRole('region', { name: 'The document of Approve a Change' }).waitFor()
  await look('workflow as JSON')
  await button('Canvas').click()

  // start
  await button('Start').click()
  await button('Start the job').click()
  await page.getByText('This is needed to start the job.').first().waitFor()
  await page.getByRole('textbox', { name: 'port needed' }).fill('ge-0/0/1')
  await page.getByRole('textbox', { name: 'text needed' }).fill('uplink to the core')
  await look('start form')
  await button('Start the job').click()
  await page.waitForURL(/\/ui\/jobs\/[0-9a-f]{24}/)
  await page.getByText('The task waits for a person to claim it.').waitFor()
  const jobUrl = page.url()
  say('started; the job says that it waits for a person')
  await look('job', { light: 'job-light' })

  // reject
  await link('My work 1 waiting').click()
  await page.getByRole('link', { name: /Accept the change\?/ }).click()
  await page.getByText('description uplink to the core').waitFor()
  await button('Claim').click()
  await page.getByText('claimed by you').waitFor()
  await button('Release').click()
  await button('Claim').waitFor()
  await look('my work', { light: 'work-light' })
  await button('Render again').click()
  await page.getByText('Finished with “Render again”').waitFor()
  await page.goto(jobUrl)
  await page.locator('[data-id=a2] .iterations').filter({ hasText: '×2' }).waitFor()
  assert.match(await page.locator('.react-flow__edge[data-id="a2>a1"] path.line').getAttribute('class'), /revert/)
  say('rejected; the branch back was taken: the task waits for the second time')
  await page.locator('[data-id=a1]').click()
  await page.getByText('compared with iteration 1').waitFor()
  assert.match(page.url(), /task=a1/)
  await look('task inspector', { dark: 'inspector-dark' })

  // accept, and repair what then fails
  await page.locator('[data-id=a2]').click()
  await link('Work on it').click()
  await button('Accept').click()
  await page.getByText('Finished with “Accept”').waitFor()
  await link('Watch it').click()
  await page.getByText('The device refused the configuration.').first().waitFor()
  await look('job with an error', { light: 'job-error-light' })
  await page.getByRole('tab', { name: 'History' }).click()
  await page.getByText('The job started').waitFor()
  await look('job history')
  await page.getByRole('tab', { name: 'Variables' }).click()
  await page.getByRole('region', { name: 'Job variables' }).waitFor()
  await page.getByRole('tab', { name: 'Overview' }).click()
  await page.locator('[data-id=a3]').click()
  await button('Retry').click()
  await page.getByRole('dialog').getByText('resolved anew').waitFor()
  await look('retry dialog')
  await button('Retry', page.getByRole('dialog')).click()
  await page.locator('.facts .badge').filter({ hasText: 'Complete' }).first().waitFor()
  say('repaired from the inspector; the job is complete')

  // parents and children, and a canvas that is laid out
  await link('Workflows', main).click()
  await page.getByLabel('Filter by name').fill('Onboard Site')
  await page.getByRole('button', { name: 'Start Onboard Site', exact: true }).click()
  await page.getByRole('textbox', { name: 'site needed' }).fill('north')
  await page.getByRole('textbox', { name: 'devices needed' }).fill('[{"serial": "A1"}, {"serial": "B2"}]')
  await button('Start the job').click()
  await page.waitForURL(/\/ui\/jobs\//)
  await page.getByRole('tab', { name: 'Jobs' }).click()
  await page.locator('.tree li').nth(2).waitFor()
  await look('tree of jobs')

  // the list
  await link('Jobs', main).click()
  await page.getByRole('row').nth(2).waitFor()
  await look('job list', { light: 'jobs-light', dark: 'jobs-dark' })
  await link('Workflows', main).click()
  await page.getByLabel('Filter by name').fill('Approve')
  await button('Start Approve a Change').click()
  await page.getByRole('textbox', { name: 'port needed' }).fill('ge-0/0/2')
  await page.getByRole('textbox', { name: 'text needed' }).fill('spare')
  await button('Start the job').click()
  await page.waitForURL(/\/ui\/jobs\//)
  await link('Jobs', main).click()
  await page.getByRole('button', { name: /^Running/ }).click()
  await page.getByLabel('Choose Approve a Change').check()
  await button('Cancel').click()
  await page.getByText('A canceled job cannot be resumed or retried.').waitFor()
  await look('cancel dialog')
  await button('Cancel job').click()
  await page.getByRole('heading', { name: 'No job matches' }).waitFor()
  say('canceled from the list')

  // keyboard: a task is chosen without a mouse
  await page.goto(jobUrl)
  await page.locator('[data-id=a0]').focus()
  await page.keyboard.press('Enter')
  await page.getByRole('complementary', { name: 'Task Take what is to be written' }).waitFor()

  // a viewer: no act is offered, and the server would refuse it
  const made = await page.evaluate(async () => {
    const json = { 'Content-Type': 'application/json' }
    const account = { username: 'vera', password: 'a-viewer-who-looks', assignedRoles: [{ roleId: 'viewer' }] }
    return (await fetch('/authorization/accounts', { method: 'POST', headers: json, body: JSON.stringify({ account }) })).status
  })
  assert.equal(made, 200)
  await button('Log out').click()
  await page.getByLabel('User name').fill('vera')
  await page.getByLabel('Password').fill('a-viewer-who-looks')
  await button('Log in').click()
  await page.getByRole('row').nth(1).waitFor()
  assert.equal(await page.getByRole('checkbox', { name: /^Choose/ }).count(), 0)
  assert.equal(await link('My work', main).count(), 0)
  await link('Workflows', main).click()
  await page.getByLabel('Filter by name').fill('Hello')
  await page.getByRole('button', { name: 'Export Hello' }).waitFor()
  assert.equal(await button('Import').count(), 0)
  assert.equal(await page.getByRole('button', { name: /^Start/ }).count(), 0)
  const refused = await page.evaluate(async () => {
    const body = JSON.stringify({ workflow: 'Hello', options: { variables: { name: 'x' } } })
    return (await fetch('/operations-manager/jobs/start', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })).status
  })
  assert.equal(refused, 403)
  await look('workflows of a viewer')
  say('a viewer is offered nothing forbidden, and refused it')

  // the way out
  await button('Log out').click()
  await page.getByRole('heading', { name: 'Log in to Heddle' }).waitFor()
  assert.deepEqual(complaints, [], 'the browser complained')
  say('done')
} finally {
  await browser.close()
  await server.stop()
}
