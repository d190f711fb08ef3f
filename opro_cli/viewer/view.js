"use strict";
fetch("api/runs").then((reply) => reply.json()).then((data) => {
  document.getElementById("view").textContent = JSON.stringify(data, null, 2);
});
