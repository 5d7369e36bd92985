/** The name under which a provider serves the adapter of a task; existing SDKs make it from the same two words. FINETUNING §10 */
export function adapterName(baseModel: string, taskId: string): string {
  return `ft-${baseModel.replace(/[/. ]/g, '-').replace(/^-+|-+$/g, '')}-${taskId.slice(0, 12)}`
}
