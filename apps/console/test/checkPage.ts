/** What must hold on every page: no accessibility fault that axe can find, and nothing that makes the page scroll sideways. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
type AxeRun = { violations: { id: string; help: string; nodes: { target: unknown[]; failureSummary?: string }[] }[] }

/** What is half faded in has half its contrast. */
const entrancesEnded = `Promise.allSettled(document.getAnimations()
  .filter((each) => each.effect.getComputedTiming().iterations !== Infinity).map((each) => each.finished))`

/** A bar that sticks to an edge covers whatever lies under it at this one position of scrolling: that is nobody's fault, so
 *  it lies in its own place while axe looks. */
const unstickBars = `for (const each of document.querySelectorAll('*')) if (getComputedStyle(each).position === 'sticky') {
  each.dataset.unstuck = each.style.cssText
  each.style.position = 'relative'
  each.style.inset = 'auto'
}`
const stickBars = `for (const each of document.querySelectorAll('[data-unstuck]')) {
  each.style.cssText = each.dataset.unstuck
  delete each.dataset.unstuck
}`

/** Returns what is wrong, in words. */
export async function checkPage(page: Page, name: string): Promise<string[]> {
  await page.evaluate(entrancesEnded)
  await page.evaluate(axeSource)
  await page.evaluate(unstickBars)
  const { violations } = (await page.evaluate(
    // The page's own content security policy forbids nothing here: evaluation comes from the debugger.
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  )) as AxeRun
  await page.evaluate(stickBars)
  const faults = violations.map(({ id, help, nodes }) => {
    const first = nodes[0]
    return `${name}: ${id}: ${help}; ${nodes.length} × ${String(first?.target)}: ${first?.failureSummary ?? ''}`
  })
  const overflowPx = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
  if (Number(overflowPx) > 0) faults.push(`${name}: the page is ${overflowPx} px wider than the window`)
  return faults
}
