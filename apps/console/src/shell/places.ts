/** The main pages in their order; Alt and the number of a page goes there, 0 to the tenth. */
export const places = [
  { to: '/', name: 'Overview', says: 'Live blocks and services' },
  { to: '/files', name: 'Files', says: 'Store and fetch by root' },
  { to: '/storage', name: 'Storage', says: 'Nodes, and which may vanish' },
  { to: '/chat', name: 'Chat', says: 'Ask a model, check the answer' },
  { to: '/verify', name: 'Verify', says: 'Check an answer or a verdict, also offline' },
  { to: '/market', name: 'Market', says: 'Offers, prices, what you used' },
  { to: '/audits', name: 'Audits', says: 'Who was found right, and who not' },
  { to: '/finetune', name: 'Fine-tune', says: 'Teach a model with your own file' },
  { to: '/account', name: 'Account', says: 'Balances and receipts' },
  { to: '/blocks', name: 'Blocks', says: 'Read the chain' },
] as const

/** The digit that goes with Alt to the page of this index. */
export function digitOf(index: number): string {
  return String((index + 1) % 10)
}
