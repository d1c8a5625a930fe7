/** download hands a document to the browser as a file. */
export function download(name: string, doc: unknown): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(doc, null, 2) + '\n'], { type: 'application/json' }))
  const a = document.createElement('a')
  a.href = url
  a.download = name.replace(/[/\\:*?"<>|]+/g, '_')
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
