const words = document.getElementById('words');
const verdict = document.getElementById('verdict');
function filter() {
  const wanted = words.value.toLowerCase();
  for (const line of document.querySelectorAll('details.line')) {
    const other = verdict.value && !line.classList.contains(verdict.value);
    line.hidden = other || !line.textContent.toLowerCase().includes(wanted);
  }
}
words.addEventListener('input', filter);
verdict.addEventListener('change', filter);
