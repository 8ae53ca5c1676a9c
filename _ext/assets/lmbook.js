// Copy buttons, and nothing else: the theme's own script does the rest.
(function () {
  function addButton(block) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.title = "Copy";
    button.setAttribute("aria-label", "Copy this code");
    button.innerHTML = '<span class="icon icon-copy"></span>';
    button.addEventListener("click", async () => {
      let result = "Copied";
      try {
        await navigator.clipboard.writeText(block.querySelector("pre").textContent);
      } catch (error) {
        result = "Could not copy";
      }
      button.dataset.result = result;
      button.setAttribute("aria-label", result);
      setTimeout(() => {
        delete button.dataset.result;
        button.setAttribute("aria-label", "Copy this code");
      }, 2000);
    });
    block.append(button);
  }
  // Code that a reader may want to run, not the text that it printed.
  document
    .querySelectorAll(".cell_input .highlight, article .highlight")
    .forEach((block) => {
      if (!block.closest(".cell_output")) addButton(block);
    });
})();
