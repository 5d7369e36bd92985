// Sets the chosen theme before the first paint; a file of its own, because the content security policy forbids inline scripts.
try {
  const theme = localStorage.getItem('weightless.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {}
