// One question with choices; each, once chosen, says why it is right or not.
// Leaves out: scores. A reader may open every choice, and should.
import { button, element, frame, liveRegion } from "./ui.js";
import { ask, isLive } from "./kernel.js";

function render({ model, el }) {
  const { question, choices } = model.get("data");
  const root = frame(el, "Quick check");
  const said = liveRegion();
  const buttons = choices.map((choice, index) =>
    button(choice.text, () => choose(index), { "aria-pressed": "false" }),
  );
  const items = buttons.map((each) => element("li", {}, each));
  const list = element("ol", { class: "choices" }, ...items);
  root.append(element("p", { class: "question" }, question), list, said);

  function choose(index) {
    const { right, explanation } = choices[index];
    buttons.forEach((each, i) => {
      each.setAttribute("aria-pressed", String(i === index));
    });
    buttons[index].dataset.verdict = right ? "right" : "wrong";
    said.say(`${right ? "Yes." : "No."} ${explanation}`);
    if (isLive(model)) ask(model, "chosen", { index });
  }
}

export default { render };
