const pauseMilliseconds = 250;

export function watch(element, component) {
  let timer = 0;
  let sent = element.value;
  const send = async () => {
    clearTimeout(timer);
    if (element.value === sent) return;
    sent = element.value;
    await component.invokeMethodAsync("ReceiveAsync", DotNet.createJSStreamReference(new TextEncoder().encode(sent)));
  };
  element.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, pauseMilliseconds);
  });
  element.addEventListener("blur", send);
}

export function show(element, text) {
  if (element.value !== text) element.value = text;
}
