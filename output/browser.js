// Stands in for the claims browser where it was not bundled: the page has its plain tables, and says why.
const note = document.querySelector('#static .note')
if (note && location.protocol !== 'file:') {
  note.prepend('The search is not part of this installation: “make page” bundles it (it needs Node), the next release or “make” puts it here. ')
}
