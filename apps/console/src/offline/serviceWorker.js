/**
 * Keeps the console's own files, so that the page Verify opens and works without a network. Plain JavaScript, since the build
 * only puts `version` and `files` before it. Data is never kept: configuration, chain and services are always asked.
 */
/* global version, files */
const cacheName = `console ${version}`

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(files))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== cacheName).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== self.location.origin) return
  if (request.mode === 'navigate') {
    // A page from the server is newer; what is kept is for when there is none.
    event.respondWith(fetch(request).catch(() => caches.match('/')))
  } else if (files.includes(pathname)) {
    event.respondWith(caches.match(pathname).then((found) => found ?? fetch(request)))
  }
})
