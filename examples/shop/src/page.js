document.querySelectorAll("button").forEach((button) => button.addEventListener("click", async () => {
  const order = { product: Number(button.dataset.product), quantity: 1 };
  const answer = await fetch("/api/orders", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(order) });
  const count = document.getElementById("orders");
  if (answer.ok) count.textContent = Number(count.textContent) + 1;
}));
